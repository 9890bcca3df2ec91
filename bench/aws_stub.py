"""`python -m bench.aws_stub PORT`: one SQS queue and one DynamoDB table, as far as consumers use them, counted.

`POST /load` with a JSON array of bodies fills the queue; `GET /counts` tells what was done.
A message that was received is not given again: a run in which one isn't deleted doesn't count.
Source: AWS JSON 1.0; the API references of SQS and DynamoDB.
"""

import asyncio
import sys
from collections import deque
from collections.abc import Callable
from typing import Any, cast

import httptools
import msgspec
import uvloop

HOST = "127.0.0.1"
_MOST_MESSAGES = 10
_MOST_ITEMS = 25
_LONG_POLL_S = 1.0
_ATTRIBUTES = {"SentTimestamp": "1764000000000", "ApproximateReceiveCount": "1"}
_BESIDE = {"received_at": {"StringValue": "2026-11-23T15:24:00.123456Z", "DataType": "String"}}


class State:
    """The queue, the table's keys, and the calls of each operation."""

    def __init__(self) -> None:
        self.waiting: deque[tuple[int, str]] = deque()
        self.loaded = 0
        self.deleted: set[str] = set()
        self.items: set[tuple[str, str]] = set()
        self.dead_letters = 0
        self.calls: dict[str, int] = {}

    def load(self, bodies: list[str]) -> None:
        """Put `bodies` into the queue."""
        self.waiting.extend(enumerate(bodies, start=self.loaded))
        self.loaded += len(bodies)

    def counts(self) -> dict[str, Any]:
        """What `/counts` tells."""
        return {
            "deleted": len(self.deleted),
            "items": len(self.items),
            "dead_letters": self.dead_letters,
            "calls": self.calls,
        }

    def call(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        """The answer of `operation`; raises ValueError at what AWS refuses."""
        self.calls[operation] = self.calls.get(operation, 0) + 1
        answers: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
            "ReceiveMessage": self._receive,
            "DeleteMessage": self._delete,
            "DeleteMessageBatch": lambda call: self._each(call["Entries"], self._delete),
            "ChangeMessageVisibilityBatch": lambda call: self._each(call["Entries"], self._nothing),
            "SendMessage": self._dead_letter,
            "PutItem": self._put,
            "BatchWriteItem": self._put_batch,
            "DescribeTable": lambda call: {"Table": {"TableName": call["TableName"], "TableStatus": "ACTIVE"}},
        }
        if operation not in answers:
            raise ValueError(f"{operation} is not known here")
        return answers[operation](request)

    def _receive(self, call: dict[str, Any]) -> dict[str, Any]:
        most = min(call.get("MaxNumberOfMessages", 1), _MOST_MESSAGES)
        taken = [self.waiting.popleft() for _ in range(min(most, len(self.waiting)))]
        return {
            "Messages": [
                {
                    "MessageId": f"00000000-0000-0000-0000-{number:012d}",
                    "ReceiptHandle": str(number),
                    "Body": body,
                    "Attributes": _ATTRIBUTES,
                    "MessageAttributes": _BESIDE,
                }
                for number, body in taken
            ]
        }

    def _each(self, entries: list[dict[str, Any]], do: Any) -> dict[str, Any]:
        self._require(0 < len(entries) <= _MOST_MESSAGES, "one to ten entries a call")
        for entry in entries:
            do(entry)
        return {"Successful": [{"Id": entry["Id"], "MessageId": "0", "MD5OfMessageBody": "0"} for entry in entries]}

    def _nothing(self, _: dict[str, Any]) -> dict[str, Any]:
        return {}

    def _delete(self, call: dict[str, Any]) -> dict[str, Any]:
        self.deleted.add(call["ReceiptHandle"])
        return {}

    def _dead_letter(self, _: dict[str, Any]) -> dict[str, Any]:
        self.dead_letters += 1
        return {"MessageId": "0", "MD5OfMessageBody": "0"}

    def _put(self, call: dict[str, Any]) -> dict[str, Any]:
        self.items.add((call["Item"]["identity"]["S"], call["Item"]["copy"]["S"]))
        return {}

    def _put_batch(self, call: dict[str, Any]) -> dict[str, Any]:
        (requests,) = call["RequestItems"].values()
        self._require(len(requests) <= _MOST_ITEMS, "too many items")
        items = [each["PutRequest"]["Item"] for each in requests]
        keys = {(item["identity"]["S"], item["copy"]["S"]) for item in items}
        self._require(len(keys) == len(items), "a key stands twice in a call")
        self.items |= keys
        return {"UnprocessedItems": {}}

    def _require(self, is_so: bool, complaint: str) -> None:
        if not is_so:
            raise ValueError(complaint)


class AwsStub(asyncio.Protocol):
    """One connection."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._parser = httptools.HttpRequestParser(self)
        self._body = b""
        self._url = self._target = b""
        self._transport: asyncio.WriteTransport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A new connection."""
        self._transport = cast(asyncio.WriteTransport, transport)

    def data_received(self, data: bytes) -> None:
        """A piece of a request."""
        self._parser.feed_data(data)

    def on_url(self, url: bytes) -> None:
        """A request's first line."""
        self._url = url

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header."""
        if name.lower() == b"x-amz-target":
            self._target = value

    def on_body(self, body: bytes) -> None:
        """A piece of a body."""
        self._body += body

    def on_message_complete(self) -> None:
        """A whole request."""
        body, self._body = self._body, b""
        if self._url == b"/counts":
            return self._answer(200, self._state.counts())
        if self._url == b"/load":
            self._state.load(msgspec.json.decode(body))
            return self._answer(200, {})
        operation = self._target.decode().rpartition(".")[2]
        if operation == "ReceiveMessage" and not self._state.waiting:
            asyncio.get_running_loop().call_later(_LONG_POLL_S, self._carry_out, operation, body)
            return None
        return self._carry_out(operation, body)

    def _carry_out(self, operation: str, body: bytes) -> None:
        try:
            self._answer(200, self._state.call(operation, msgspec.json.decode(body)))
        except (ValueError, KeyError) as error:
            self._answer(400, {"__type": "com.amazonaws#ValidationException", "message": repr(error)})

    def _answer(self, status: int, content: dict[str, Any]) -> None:
        if self._transport.is_closing():
            return
        encoded = msgspec.json.encode(content)
        head = b"HTTP/1.1 %d -\r\ncontent-type: application/x-amz-json-1.0\r\ncontent-length: %d\r\n\r\n"
        self._transport.write(head % (status, len(encoded)) + encoded)


async def serve(port: int) -> None:
    """Serve until the process is told to end."""
    state = State()
    server = await asyncio.get_running_loop().create_server(lambda: AwsStub(state), HOST, port)
    await server.serve_forever()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(int(sys.argv[1])))
