"""`python -m bench.stubs.queue_and_table PORT`: one SQS queue and one DynamoDB table, as far as consumers use them.

`POST /load` with a JSON array of bodies fills the queue; `GET /counts` tells what was done.
A message that was received is not given again: a run in which one isn't deleted doesn't count.
Source: AWS JSON 1.0; the API references of SQS and DynamoDB.
"""

import asyncio
import sys
from collections import deque
from collections.abc import Callable
from typing import Any

import msgspec

from bench.events import traceparent
from bench.stubs.connection import Answer, Reply, Request, serve
from pipeline.core.table import DAYS

_MEDIA_TYPE = b"application/x-amz-json-1.0"
_MOST_MESSAGES = 10
_MOST_ITEMS = 25
_LONG_POLL_S = 1.0
_ATTRIBUTES = {"SentTimestamp": "1764000000000", "ApproximateReceiveCount": "1"}
_RECEIVED_AT = {"StringValue": "2026-11-23T15:24:00.123456Z", "DataType": "String"}


class QueueAndTable:
    """The queue, the table's keys, and the calls of each operation."""

    def __init__(self) -> None:
        self.waiting: deque[tuple[int, str]] = deque()
        self.loaded = 0
        self.deleted: set[str] = set()
        self.items: set[tuple[str, str]] = set()
        self.dead_letters = 0
        self.waiting_calls = 0
        self.calls: dict[str, int] = {}

    def __call__(self, request: Request, reply: Reply) -> None:
        """Answer a request; a call to receive waits for a while where there is nothing."""
        if request.path == b"/counts":
            return reply(_answer(200, self.counts()))
        if request.path == b"/load":
            self.load(msgspec.json.decode(request.body))
            return reply(_answer(200, {}))
        operation = request.target.decode().rpartition(".")[2]
        if operation == "ReceiveMessage" and not self.waiting:
            self.waiting_calls += 1
            asyncio.get_running_loop().call_later(_LONG_POLL_S, self._reply_late, request.body, reply)
            return None
        return reply(self._called(operation, request.body))

    def _reply_late(self, body: bytes, reply: Reply) -> None:
        self.waiting_calls -= 1
        reply(self._called("ReceiveMessage", body))

    def _called(self, operation: str, body: bytes) -> Answer:
        try:
            return _answer(200, self.call(operation, msgspec.json.decode(body)))
        except (ValueError, KeyError) as error:
            return _answer(400, {"__type": "com.amazonaws#ValidationException", "message": repr(error)})

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
            "waiting_calls": self.waiting_calls,
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
            "GetItem": lambda _: {},
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
                    "MessageAttributes": {
                        "received_at": _RECEIVED_AT,
                        "traceparent": {"StringValue": traceparent(number), "DataType": "String"},
                    },
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
        self.items |= {key for key in keys if key[0] != DAYS}
        return {"UnprocessedItems": {}}

    def _require(self, is_so: bool, complaint: str) -> None:
        if not is_so:
            raise ValueError(complaint)


def _answer(status: int, content: dict[str, Any]) -> Answer:
    return Answer(status, _MEDIA_TYPE, msgspec.json.encode(content))


if __name__ == "__main__":
    serve(QueueAndTable(), int(sys.argv[1]))
