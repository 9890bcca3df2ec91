"""One SQS queue, for the tools: messages are taken, given back, sent and deleted."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NamedTuple

import stamina
from botocore.exceptions import BotoCoreError, ClientError

from pipeline.clock import from_epoch_ms, rfc3339
from pipeline.delivery import Arrival
from pipeline.errors import MessageRefused, QueueUnavailable

CALL_MESSAGES = 10
"""SQS' limit of messages in one call."""
_NEVER_TAKEN = {"InvalidMessageContents", "InvalidParameterValue"}
"""SQS' codes for a message that is wrong itself: its characters, its attributes, its length."""
_BESIDE = ("received_at", "publisher", "traceparent")

Message = dict[str, Any]


class Depth(NamedTuple):
    """About how many messages a queue has: to be received, and in a receiver's hands."""

    waiting: int
    in_flight: int


class Queue:
    """One queue by its URL; `client` is an entered SQS client. Each call raises QueueUnavailable."""

    def __init__(self, client: Any, url: str) -> None:
        self.name = url.rpartition("/")[2]
        self._client = client
        self._url = url

    async def depth(self) -> Depth:
        """How many messages there are, about."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        answer = await self._call(self._client.get_queue_attributes, AttributeNames=names)
        return Depth(*(int(answer["Attributes"][name]) for name in names))

    async def receive(self, *, visibility_timeout_s: int, wait_s: int) -> list[Message]:
        """Up to 10 messages; none only where there was none for `wait_s` seconds, from 1 on (a long poll)."""
        answer = await self._call(
            self._client.receive_message,
            MaxNumberOfMessages=CALL_MESSAGES,
            WaitTimeSeconds=wait_s,
            VisibilityTimeout=visibility_timeout_s,
            MessageAttributeNames=list(_BESIDE),
            MessageSystemAttributeNames=["SentTimestamp", "ApproximateReceiveCount"],
        )
        messages: list[Message] = answer.get("Messages", [])
        return messages

    async def send(self, body: str, beside: dict[str, str]) -> None:
        """Returns when SQS has it. Raises MessageRefused where it never will."""
        attributes = {name: {"DataType": "String", "StringValue": value} for name, value in beside.items()}
        try:
            await self._call(self._client.send_message, MessageBody=body, MessageAttributes=attributes)
        except QueueUnavailable as error:
            if _code(error.__cause__) in _NEVER_TAKEN:
                raise MessageRefused(str(error)) from error
            raise

    async def delete(self, handles: Sequence[str]) -> None:
        """Delete for good the messages that were received with `handles`."""
        await self._in_calls(self._client.delete_message_batch, handles)

    async def hide(self, handles: Sequence[str], timeout_s: int) -> None:
        """Hide messages for `timeout_s` seconds from now; 0 gives them back at once."""
        await self._in_calls(self._client.change_message_visibility_batch, handles, VisibilityTimeout=timeout_s)

    def arrival(self, message: Message) -> Arrival:
        """The message as an arrival at the service that it is for."""
        beside = {name: value["StringValue"] for name, value in message.get("MessageAttributes", {}).items()}
        return Arrival(
            body=message["Body"].encode(),
            via="sqs",
            origin={"queue": self.name, "message_id": message["MessageId"]},
            first_seen=rfc3339(from_epoch_ms(sent_ms(message))),
            attempts=int(message["Attributes"]["ApproximateReceiveCount"]),
            received_at=beside.get("received_at"),
            publisher=beside.get("publisher"),
            traceparent=beside.get("traceparent"),
        )

    async def _in_calls(self, call: Callable[..., Awaitable[Any]], handles: Sequence[str], **members: int) -> None:
        for start in range(0, len(handles), CALL_MESSAGES):
            chunk = handles[start : start + CALL_MESSAGES]
            entries = [{"Id": str(index), "ReceiptHandle": handle, **members} for index, handle in enumerate(chunk)]
            await self._carry_out(call, entries)

    async def _carry_out(self, call: Callable[..., Awaitable[Any]], entries: list[dict[str, Any]]) -> None:
        """Carry out every entry; what fails alone is tried again alone."""
        async for attempt in stamina.retry_context(on=QueueUnavailable, attempts=4, wait_max=1):
            with attempt:
                answer = await self._call(call, Entries=entries)
                failed = {entry["Id"]: entry for entry in answer.get("Failed", [])}
                if entries := [entry for entry in entries if entry["Id"] in failed]:
                    raise QueueUnavailable(f"{self.name}: {next(iter(failed.values()))}")

    async def _call(self, call: Callable[..., Awaitable[Any]], **members: Any) -> Any:
        try:
            return await call(QueueUrl=self._url, **members)
        except (ClientError, BotoCoreError) as error:
            raise QueueUnavailable(f"{self.name}: {error}") from error


def _code(error: BaseException | None) -> str:
    """AWS' name of `error`, without the namespace that older answers put before it."""
    if not isinstance(error, ClientError):
        return ""
    return str(error.response["Error"].get("Code", "")).rpartition(".")[2]


def sent_ms(message: Message) -> int:
    """When the message came into its queue, in milliseconds since 1970."""
    return int(message["Attributes"]["SentTimestamp"])
