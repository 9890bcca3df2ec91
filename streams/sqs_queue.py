"""The calls on one SQS queue: receive, delete, hold and release messages."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import stamina
from botocore.exceptions import BotoCoreError, ClientError

from pipeline.clock import from_epoch_ms, rfc3339
from pipeline.delivery import Arrival

CALL_MESSAGES = 10
"""SQS' limit of messages in one call."""
_CALLS = 8
_ATTRIBUTES = ("received_at", "publisher", "traceparent")

Message = dict[str, Any]
ERRORS = (ClientError, BotoCoreError)


class PartlyFailed(Exception):
    """SQS carried out a part of a batch call: the rest is to be sent again."""


class SqsQueue:
    """One queue by its URL; `client` is an entered SQS client."""

    def __init__(self, client: Any, url: str) -> None:
        self.name = url.rpartition("/")[2]
        self._client = client
        self._url = url
        self._calls = asyncio.Semaphore(_CALLS)

    async def receive(self, *, visibility_timeout_s: int, wait_s: int) -> list[Message]:
        """Up to 10 messages, after at most `wait_s` seconds. Raises one of ERRORS."""
        answer = await self._client.receive_message(
            QueueUrl=self._url,
            MaxNumberOfMessages=CALL_MESSAGES,
            WaitTimeSeconds=wait_s,
            VisibilityTimeout=visibility_timeout_s,
            MessageAttributeNames=list(_ATTRIBUTES),
            MessageSystemAttributeNames=["SentTimestamp", "ApproximateReceiveCount"],
        )
        messages: list[Message] = answer.get("Messages", [])
        return messages

    async def send(self, bodies: Sequence[bytes]) -> None:
        """Send each body; returns when SQS has them all. Raises one of ERRORS or PartlyFailed."""
        entries = [{"MessageBody": body.decode()} for body in bodies]
        # One a call: envelopes can be large, and a batch call is bounded as one message is.
        await asyncio.gather(*(self._send_all(self._client.send_message_batch, [entry]) for entry in entries))

    async def delete(self, messages: Sequence[Message]) -> None:
        """Delete `messages` for good. Raises one of ERRORS or PartlyFailed after some tries."""
        await self._in_calls(self._client.delete_message_batch, [_handle(message) for message in messages])

    async def change_visibility(self, messages: Sequence[Message], timeout_s: int) -> None:
        """Hide `messages` for `timeout_s` seconds from now; 0 gives them back at once."""
        entries = [_handle(message) | {"VisibilityTimeout": timeout_s} for message in messages]
        await self._in_calls(self._client.change_message_visibility_batch, entries)

    async def _in_calls(self, call: Callable[..., Awaitable[Any]], entries: list[dict[str, Any]]) -> None:
        chunks = [entries[start : start + CALL_MESSAGES] for start in range(0, len(entries), CALL_MESSAGES)]
        outcomes = await asyncio.gather(*(self._send_all(call, chunk) for chunk in chunks), return_exceptions=True)
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome

    async def _send_all(self, call: Callable[..., Awaitable[Any]], entries: list[dict[str, Any]]) -> None:
        """Carry out every entry; what fails alone is tried again alone."""
        left = {str(index): entry | {"Id": str(index)} for index, entry in enumerate(entries)}
        async with self._calls:
            async for attempt in stamina.retry_context(on=(*ERRORS, PartlyFailed), attempts=4, wait_max=1):
                with attempt:
                    answer = await call(QueueUrl=self._url, Entries=list(left.values()))
                    left = {entry["Id"]: left[entry["Id"]] for entry in answer.get("Failed", [])}
                    if left:
                        raise PartlyFailed(f"{self.name}: {answer['Failed'][0]}")

    def arrival(self, message: Message) -> Arrival:
        """What the services know of a message."""
        beside = {name: value["StringValue"] for name, value in message.get("MessageAttributes", {}).items()}
        system = message["Attributes"]
        return Arrival(
            body=message["Body"].encode(),
            via="sqs",
            origin={"queue": self.name, "message_id": message["MessageId"]},
            first_seen=rfc3339(from_epoch_ms(int(system["SentTimestamp"]))),
            attempts=int(system["ApproximateReceiveCount"]),
            received_at=beside.get("received_at"),
            publisher=beside.get("publisher"),
            traceparent=beside.get("traceparent"),
        )


def _handle(message: Message) -> dict[str, Any]:
    return {"ReceiptHandle": message["ReceiptHandle"]}
