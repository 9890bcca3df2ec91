"""Batch calls on a queue: what fails alone is tried again alone, and what is refused is told."""

from typing import Any

import msgspec
import pytest

from pipeline.clients.aws_json import JsonApi
from pipeline.clients.sqs import Message, Queue
from pipeline.core.errors import ReceiptExpired

MESSAGES = [Message(message_id=str(n), receipt_handle=f"r{n}", body="", attributes={}) for n in range(12)]


class Sqs(JsonApi):
    """Answers each batch call with the next of `failures`: a list of failed entries."""

    def __init__(self, *failures: list[dict[str, Any]]) -> None:
        super().__init__("sqs")
        self.calls: list[list[str]] = []
        self._failures = list(failures)

    async def call(self, operation: str, request: Any, answer: Any, *, timeout_s: float) -> Any:
        self.calls.append([entry["ReceiptHandle"] for entry in request["Entries"]])
        return msgspec.convert({"Failed": self._failures.pop(0) if self._failures else []}, answer)


async def test_ten_messages_go_in_one_call() -> None:
    sqs = Sqs()
    await Queue("http://127.0.0.1/q", sqs).delete(MESSAGES)
    assert [len(call) for call in sqs.calls] == [10, 2]


async def test_what_fails_alone_is_tried_again_alone() -> None:
    sqs = Sqs([{"Id": "1", "Code": "InternalError"}])
    await Queue("http://127.0.0.1/q", sqs).delete(MESSAGES[:3])
    assert sqs.calls == [["r0", "r1", "r2"], ["r1"]]


async def test_what_is_refused_is_not_tried_again_and_told() -> None:
    sqs = Sqs(
        [{"Id": "0", "SenderFault": True, "Code": "ReceiptHandleIsInvalid"}, {"Id": "2", "Code": "InternalError"}]
    )
    with pytest.raises(ReceiptExpired, match="refused 1 messages: ReceiptHandleIsInvalid"):
        await Queue("http://127.0.0.1/q", sqs).change_visibility(MESSAGES[:3], 0)
    assert sqs.calls == [["r0", "r1", "r2"], ["r2"]]
