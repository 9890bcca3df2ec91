"""A reading of a dead-letter queue gives back what it holds, however it ends."""

import asyncio
import time
from collections.abc import Sequence

import pytest

from operations.dead_letter_queue import DeadLetterQueueReader
from pipeline.clients.aws_json import JsonApi
from pipeline.clients.sqs import Depth, Message, Queue


class OneMessage(Queue):
    """Hands out one message at the first receive, once it may, and notes what is shown again."""

    def __init__(self, url: str = "http://127.0.0.1/queue") -> None:
        super().__init__(url, JsonApi("sqs"))
        self.asked, self.may = asyncio.Event(), asyncio.Event()
        self.shown: list[str] = []

    async def receive(self, *, visibility_timeout_s: int, wait_s: int) -> list[Message]:
        self.asked.set()
        await self.may.wait()
        return [Message(message_id="1", receipt_handle="receipt", body="x", attributes={})]

    async def change_visibility(self, messages: Sequence[Message], timeout_s: int) -> None:
        self.shown += [each.receipt_handle for each in messages if not timeout_s]


class Late(OneMessage):
    """Has two letters, sent by a clock that is an hour ahead, and a third that comes once the first was shown."""

    def __init__(self, url: str = "http://127.0.0.1/queue") -> None:
        super().__init__(url)
        self.numbers = ["1", "2", "", "3", ""]
        self.waits_s: list[int] = []

    async def receive(self, *, visibility_timeout_s: int, wait_s: int) -> list[Message]:
        self.waits_s.append(wait_s)
        number = self.numbers.pop(0)
        sent_ms = str(int((time.time() + 3600) * 1000))
        return (
            [Message(number, number, "x", {"SentTimestamp": sent_ms, "ApproximateReceiveCount": "1"})] if number else []
        )

    async def depth(self) -> Depth:
        return Depth(0, 2)


async def test_a_letter_that_is_newer_than_our_clock_is_seen_and_one_that_comes_meanwhile_is_not() -> None:
    queue = Late()
    async with DeadLetterQueueReader("b", queue, queue, "service-b").open() as reading:
        assert [letter.key async for letter in reading.letters()] == ["b:1", "b:2"]
    assert queue.shown == ["1", "2"]


@pytest.mark.parametrize(
    ("url", "wait_s"), [("https://sqs.eu-west-1.amazonaws.com/1/dead", 1), ("http://127.0.0.1:4566/1/dead", 0)]
)
async def test_all_servers_of_aws_are_asked_by_a_long_poll_and_the_one_of_an_emulator_without(
    url: str, wait_s: int
) -> None:
    queue = Late(url)
    async with DeadLetterQueueReader("b", queue, queue, "service-b").open() as reading:
        assert [letter.key async for letter in reading.letters()] == ["b:1", "b:2"]
    assert queue.waits_s == [wait_s] * 3


async def test_what_is_handed_out_during_an_interruption_is_given_back() -> None:
    queue = OneMessage()

    async def read() -> None:
        async with DeadLetterQueueReader("b", queue, queue, "service-b").open() as reading:
            async for _ in reading.letters():
                pass

    reader = asyncio.create_task(read())
    await queue.asked.wait()
    reader.cancel()
    asyncio.get_running_loop().call_soon(queue.may.set)
    with pytest.raises(asyncio.CancelledError):
        await reader
    assert queue.shown == ["receipt"]
