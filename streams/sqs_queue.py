"""The calls on one SQS queue: receive, delete, hide and send messages."""

import asyncio
from collections.abc import Sequence
from typing import Any

import msgspec
import stamina
import structlog

from pipeline.aws_json import CallFailed, JsonApi
from pipeline.clock import from_epoch_ms, rfc3339
from pipeline.delivery import Arrival
from pipeline.errors import MensageriaError

log = structlog.get_logger(__name__)

CALL_MESSAGES = 10
"""SQS' limit of messages in one call."""
_CALLS = 8
_TIMEOUT_S = 5.0
_ATTRIBUTES = ("received_at", "publisher", "traceparent")


class _Attribute(msgspec.Struct, rename="pascal"):
    string_value: str | None = None


class Message(msgspec.Struct, rename="pascal", eq=False):
    """A message as ReceiveMessage gives it."""

    message_id: str
    receipt_handle: str
    body: str
    attributes: dict[str, str]
    message_attributes: dict[str, _Attribute] = {}


class _Received(msgspec.Struct, rename="pascal"):
    messages: list[Message] | None = None


class _Failed(msgspec.Struct, rename="pascal"):
    id: str
    sender_fault: bool = False
    code: str = ""
    message: str | None = None


class _Outcome(msgspec.Struct, rename="pascal"):
    failed: list[_Failed] | None = None


class PartlyFailed(MensageriaError):
    """SQS carried out a part of a batch call: the rest is to be sent again."""

    retriable = True


ERRORS = (CallFailed, PartlyFailed)


class SqsQueue:
    """One queue by its URL."""

    def __init__(self, url: str) -> None:
        self.name = url.rpartition("/")[2]
        self._api = JsonApi("sqs")
        self._url = url
        self._calls = asyncio.Semaphore(_CALLS)

    async def receive(self, *, visibility_timeout_s: int, wait_s: int) -> list[Message]:
        """Up to 10 messages, after at most `wait_s` seconds. Raises CallFailed."""
        request = {
            "QueueUrl": self._url,
            "MaxNumberOfMessages": CALL_MESSAGES,
            "WaitTimeSeconds": wait_s,
            "VisibilityTimeout": visibility_timeout_s,
            "MessageAttributeNames": _ATTRIBUTES,
            "MessageSystemAttributeNames": ("SentTimestamp", "ApproximateReceiveCount"),
        }
        answer = await self._api.call("ReceiveMessage", request, _Received, timeout_s=wait_s + _TIMEOUT_S)
        return answer.messages or []

    async def send(self, texts: Sequence[str]) -> None:
        """Send each text; returns when SQS has them all. Raises CallFailed."""
        # One a call: dead letters can be large, and a batch call is bounded as one message is.
        await _all_of([self._send(text) for text in texts])

    async def delete(self, messages: Sequence[Message]) -> None:
        """Delete `messages` for good. Raises CallFailed or PartlyFailed after some tries."""
        await self._in_calls("DeleteMessageBatch", [{"ReceiptHandle": each.receipt_handle} for each in messages])

    async def change_visibility(self, messages: Sequence[Message], timeout_s: int) -> None:
        """Hide `messages` for `timeout_s` seconds from now; 0 gives them back at once. Raises as `delete`."""
        entries = [{"ReceiptHandle": each.receipt_handle, "VisibilityTimeout": timeout_s} for each in messages]
        await self._in_calls("ChangeMessageVisibilityBatch", entries)

    async def close(self) -> None:
        """Close the connections."""
        await self._api.close()

    async def _send(self, text: str) -> None:
        async with self._calls:
            request = {"QueueUrl": self._url, "MessageBody": text}
            await self._api.call("SendMessage", request, dict[str, Any], timeout_s=_TIMEOUT_S)

    async def _in_calls(self, operation: str, entries: list[dict[str, Any]]) -> None:
        chunks = (entries[start : start + CALL_MESSAGES] for start in range(0, len(entries), CALL_MESSAGES))
        await _all_of([self._carry_out(operation, chunk) for chunk in chunks])

    async def _carry_out(self, operation: str, entries: list[dict[str, Any]]) -> None:
        """Carry out every entry; what fails alone is tried again alone."""
        left = {str(index): entry | {"Id": str(index)} for index, entry in enumerate(entries)}
        async with self._calls:
            async for attempt in stamina.retry_context(on=ERRORS, attempts=4, wait_max=1, wait_jitter=0.2):
                with attempt:
                    left = await self._attempt(operation, left)
                    if left:
                        raise PartlyFailed(f"{self.name}: {operation} failed for {len(left)} messages")

    async def _attempt(self, operation: str, entries: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
        """One call; the entries that are to be sent again."""
        request = {"QueueUrl": self._url, "Entries": list(entries.values())}
        failed = (await self._api.call(operation, request, _Outcome, timeout_s=_TIMEOUT_S)).failed or []
        for each in failed:
            if each.sender_fault:  # a receipt that ran out, for one: no retry helps, and the message comes again
                log.warning("message refused", queue=self.name, operation=operation, code=each.code)
        return {each.id: entries[each.id] for each in failed if not each.sender_fault}

    def arrival(self, message: Message) -> Arrival:
        """What the services know of a message."""
        beside = {name: attribute.string_value for name, attribute in message.message_attributes.items()}
        return Arrival(
            body=message.body.encode(),
            via="sqs",
            origin={"queue": self.name, "message_id": message.message_id},
            first_seen=rfc3339(from_epoch_ms(int(message.attributes["SentTimestamp"]))),
            attempts=int(message.attributes["ApproximateReceiveCount"]),
            received_at=beside.get("received_at"),
            publisher=beside.get("publisher"),
            traceparent=beside.get("traceparent"),
        )


async def _all_of(calls: Sequence[Any]) -> None:
    """Wait for the end of all calls, then raise the first failure: none goes on behind its caller."""
    for outcome in await asyncio.gather(*calls, return_exceptions=True):
        if isinstance(outcome, BaseException):
            raise outcome
