"""A reading of a dead-letter queue gives back what it holds, however it ends."""

import asyncio
from collections.abc import Sequence

import pytest

from pipeline.aws_json import JsonApi
from pipeline.dead_letter_queue import DeadLetterQueue
from pipeline.sqs import Message, Queue


class OneMessage(Queue):
    """Hands out one message at the first receive, once it may, and notes what is shown again."""

    def __init__(self) -> None:
        super().__init__("http://127.0.0.1/queue", JsonApi("sqs"))
        self.asked, self.may = asyncio.Event(), asyncio.Event()
        self.shown: list[str] = []

    async def receive(self, *, visibility_timeout_s: int, wait_s: int) -> list[Message]:
        self.asked.set()
        await self.may.wait()
        return [Message(message_id="1", receipt_handle="receipt", body="x", attributes={})]

    async def change_visibility(self, messages: Sequence[Message], timeout_s: int) -> None:
        self.shown += [each.receipt_handle for each in messages if not timeout_s]


async def test_what_is_handed_out_during_an_interruption_is_given_back() -> None:
    queue = OneMessage()

    async def read() -> None:
        async with DeadLetterQueue("b", queue, queue, "service-b").open() as reading:
            async for _ in reading.letters():
                pass

    reader = asyncio.create_task(read())
    await queue.asked.wait()
    reader.cancel()
    asyncio.get_running_loop().call_soon(queue.may.set)
    with pytest.raises(asyncio.CancelledError):
        await reader
    assert queue.shown == ["receipt"]
