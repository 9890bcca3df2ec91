"""SQS with every call measured."""

from typing import Any, TypeVar

from pipeline.clients.aws_json import JsonApi
from pipeline.telemetry.call_metrics import Calls

T = TypeVar("T")

OPERATIONS = {
    "ReceiveMessage": "receive",
    "DeleteMessageBatch": "delete",
    "ChangeMessageVisibilityBatch": "change_visibility",
    "SendMessage": "send",
}
"""The metric's name of each operation that B and C use."""


class MeasuredSqs(JsonApi):
    """One queue's connection; a call to receive takes as long as it waits for a message."""

    def __init__(self, calls: Calls) -> None:
        super().__init__("sqs")
        self._calls = calls

    async def call(self, operation: str, request: Any, answer: type[T], *, timeout_s: float) -> T:
        """As JsonApi's."""
        with self._calls.timed(OPERATIONS[operation]):
            return await super().call(operation, request, answer, timeout_s=timeout_s)
