"""One SQS queue, for the services and the tools: messages are received, hidden, sent and deleted."""

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

import msgspec
import stamina

from pipeline.clients.aws import is_url_of_aws
from pipeline.clients.aws_json import CallFailed, JsonApi
from pipeline.core.clock import seen_at
from pipeline.core.errors import MessageRefused, QueueUnavailable, ReceiptExpired
from pipeline.events.delivery import Arrival, Attribute, healing
from pipeline.events.metadata import Metadata
from pipeline.events.receipts import REPLY_TO

T = TypeVar("T")

CALL_MESSAGES = 10
"""SQS' limit of messages in one call."""
_CALLS = 8
_TIMEOUT_S = 5.0
_NEVER_TAKEN = {"InvalidMessageContents", "InvalidParameterValue", "MissingParameter"}
"""SQS' codes for a message that is wrong itself: its characters, its attributes, its length, or that it is empty."""


PENDING_QUEUE = "events-pending"
"""The queue of the events that Kafka is still to get, as infra/template.yaml names it."""


def queue_beside(queue_url: str, name: str) -> str:
    """The URL of the queue `name` of the same account and region as that of `queue_url`."""
    return f"{queue_url.rpartition('/')[0]}/{name}"


class Depth(NamedTuple):
    """About how many messages a queue has: to be received, and in a receiver's hands."""

    waiting: int
    in_flight: int


class _Attribute(msgspec.Struct, rename="pascal"):
    data_type: str = "String"
    string_value: str | None = None
    binary_value: bytes | None = None

    def held_characters(self) -> int:
        return len(self.string_value or "") + len(self.binary_value or b"")


class Message(msgspec.Struct, rename="pascal", eq=False):
    """A message as ReceiveMessage gives it."""

    message_id: str
    receipt_handle: str
    body: str
    attributes: dict[str, str]
    message_attributes: dict[str, _Attribute] = {}

    @property
    def sent_ms(self) -> int:
        """When it came into its queue, in milliseconds since 1970."""
        return int(self.attributes["SentTimestamp"])

    @property
    def held_characters(self) -> int:
        """Of its text and its attributes, which alone may fill a message: about the bytes that it takes."""
        return len(self.body) + sum(map(_Attribute.held_characters, self.message_attributes.values()))


class _Received(msgspec.Struct, rename="pascal"):
    messages: list[Message] | None = None


class _Sent(msgspec.Struct, rename="pascal"):
    message_id: str


class _Failed(msgspec.Struct, rename="pascal"):
    id: str
    sender_fault: bool = False
    code: str = ""
    message: str | None = None


class _Outcome(msgspec.Struct, rename="pascal"):
    failed: list[_Failed] | None = None


class _Attributes(msgspec.Struct, rename="pascal"):
    attributes: dict[str, str]


def _sent(value: str | Attribute) -> dict[str, Any]:
    """An attribute as SendMessage takes it; a text is of the type String."""
    if isinstance(value, str):
        return {"DataType": "String", "StringValue": value}
    held = {"BinaryValue": value.binary} if value.binary is not None else {"StringValue": value.value}
    return {"DataType": value.data_type, **held}


class Queue:
    """One queue by its URL; `api` is that of SQS, and the queue's own. Each call raises QueueUnavailable."""

    def __init__(self, url: str, api: JsonApi) -> None:
        self.name = url.rpartition("/")[2]
        self.is_of_aws = is_url_of_aws(url)
        self._api = api
        self._url = url
        self._calls = asyncio.Semaphore(_CALLS)

    async def depth(self) -> Depth:
        """How many messages there are, about."""
        names = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")
        answer = await self._call("GetQueueAttributes", {"AttributeNames": names}, _Attributes)
        return Depth(*(int(answer.attributes[name]) for name in names))

    async def receive(self, *, visibility_timeout_s: int, wait_s: int) -> list[Message]:
        """Up to 10 messages; none only where there was none for `wait_s` seconds, from 1 on (a long poll).

        Without a wait AWS asks some of its servers alone, and may bring none though there are some.
        """
        request = {
            "MaxNumberOfMessages": CALL_MESSAGES,
            "WaitTimeSeconds": wait_s,
            "VisibilityTimeout": visibility_timeout_s,
            "MessageAttributeNames": ("All",),
            "MessageSystemAttributeNames": ("SentTimestamp", "ApproximateReceiveCount"),
        }
        answer = await self._call("ReceiveMessage", request, _Received, timeout_s=wait_s + _TIMEOUT_S)
        return answer.messages or []

    async def send(self, text: str, beside: Mapping[str, str | Attribute]) -> None:
        """Returns when SQS has it; `beside` travels as its attributes. Raises MessageRefused where it never will."""
        attributes = {name: _sent(value) for name, value in beside.items()}
        try:
            async with self._calls:
                await self._call("SendMessage", {"MessageBody": text, "MessageAttributes": attributes}, _Sent)
        except QueueUnavailable as error:
            if isinstance(error.__cause__, CallFailed) and error.__cause__.code in _NEVER_TAKEN:
                raise MessageRefused(str(error)) from error
            raise

    async def delete(self, messages: Sequence[Message]) -> None:
        """Delete `messages` for good, with several tries."""
        await self._in_calls("DeleteMessageBatch", [{"ReceiptHandle": each.receipt_handle} for each in messages])

    async def change_visibility(self, messages: Sequence[Message], timeout_s: int) -> None:
        """Hide `messages` for `timeout_s` seconds from now; 0 gives them back at once. With several tries."""
        entries = [{"ReceiptHandle": each.receipt_handle, "VisibilityTimeout": timeout_s} for each in messages]
        await self._in_calls("ChangeMessageVisibilityBatch", entries)

    def arrival(self, message: Message) -> Arrival:
        """The message as an arrival at the service that it is for."""
        attributes = message.message_attributes
        beside = {name: attribute.string_value for name, attribute in attributes.items()}
        return Arrival(
            body=message.body.encode(),
            via="sqs",
            origin={"queue": self.name, "message_id": message.message_id} | healing(beside.get("healed_at")),
            first_seen=seen_at(message.sent_ms),
            attempts=int(message.attributes["ApproximateReceiveCount"]),
            metadata=Metadata.of(beside.get),
            reply_to=beside.get(REPLY_TO),
            attributes={
                name: Attribute(each.data_type, each.string_value, each.binary_value)
                for name, each in attributes.items()
            },
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._api.close()

    async def _in_calls(self, operation: str, entries: list[dict[str, Any]]) -> None:
        """Wait for the end of all calls, then raise the gravest failure: none goes on behind its caller."""
        chunks = (entries[start : start + CALL_MESSAGES] for start in range(0, len(entries), CALL_MESSAGES))
        calls = [self._in_turn(self._carry_out(operation, chunk)) for chunk in chunks]
        outcomes = await asyncio.gather(*calls, return_exceptions=True)
        if failures := [outcome for outcome in outcomes if isinstance(outcome, BaseException)]:
            raise min(failures, key=lambda failure: isinstance(failure, ReceiptExpired))

    async def _carry_out(self, operation: str, entries: list[dict[str, Any]]) -> None:
        """Carry out every entry; what fails alone is tried again alone, but for a receipt that ran out and its like."""
        left = {str(index): entry | {"Id": str(index)} for index, entry in enumerate(entries)}
        refused: list[_Failed] = []
        async for attempt in stamina.retry_context(on=QueueUnavailable, attempts=4, wait_max=1, wait_jitter=0.2):
            with attempt:
                failed = (await self._call(operation, {"Entries": list(left.values())}, _Outcome)).failed or []
                refused += [each for each in failed if each.sender_fault]
                left = {each.id: left[each.id] for each in failed if not each.sender_fault}
                if left:
                    raise QueueUnavailable(f"{self.name}: {operation} failed for {len(left)} messages")
        if refused:
            raise ReceiptExpired(f"{self.name}: {operation} refused {len(refused)} messages: {refused[0].code}")

    async def _in_turn(self, call: Coroutine[Any, Any, None]) -> None:
        async with self._calls:
            await call

    async def _call(self, operation: str, request: dict[str, Any], answer: type[T], timeout_s: float = _TIMEOUT_S) -> T:
        try:
            return await self._api.call(operation, {"QueueUrl": self._url} | request, answer, timeout_s=timeout_s)
        except CallFailed as error:
            raise QueueUnavailable(f"{self.name}: {error}") from error
