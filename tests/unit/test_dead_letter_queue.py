"""A reading of a dead-letter queue gives back what it holds, however it ends."""

import asyncio
from typing import Any

import pytest

from pipeline.dead_letter_queue import DeadLetterQueue
from pipeline.sqs import Queue


class Sqs:
    """Hands out one message at the first receive, once it may, and notes what is shown again."""

    def __init__(self) -> None:
        self.asked, self.may = asyncio.Event(), asyncio.Event()
        self.shown: list[str] = []

    async def receive_message(self, **_: Any) -> dict[str, Any]:
        self.asked.set()
        await self.may.wait()
        return {"Messages": [{"MessageId": "1", "ReceiptHandle": "receipt", "Body": "x"}]}

    async def change_message_visibility_batch(self, **members: Any) -> dict[str, Any]:
        self.shown += [entry["ReceiptHandle"] for entry in members["Entries"] if not entry["VisibilityTimeout"]]
        return {}


async def test_what_is_handed_out_during_an_interruption_is_given_back() -> None:
    sqs = Sqs()
    queue = Queue(sqs, "http://127.0.0.1/queue")

    async def read() -> None:
        async with DeadLetterQueue("b", queue, queue, "service-b").open() as reading:
            async for _ in reading.letters():
                pass

    reader = asyncio.create_task(read())
    await sqs.asked.wait()
    reader.cancel()
    asyncio.get_running_loop().call_soon(sqs.may.set)
    with pytest.raises(asyncio.CancelledError):
        await reader
    assert sqs.shown == ["receipt"]
