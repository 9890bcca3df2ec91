"""Batches of a Faust stream: at once where events come seldom, together where they come often, none lost, in order."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import faust
import pytest
from faust.events import Event
from faust.types.tuples import TP, Message
from mode.utils.queues import FlowControlEvent, ThrowableQueue

from streams import rate
from streams.batch_channel import BatchChannel
from streams.eager_take import EagerTake

MOST, WORTH = 50, 5


class Source:
    """A stream of Faust's own, on a channel of which the test is the other end."""

    def __init__(self) -> None:
        self._app = faust.App("eager-take", broker="kafka://127.0.0.1:1")
        self._app.flow_control.resume()
        channel = BatchChannel(self._app)
        self.queue = channel._queue = ThrowableQueue(
            maxsize=1000, flow_control=FlowControlEvent(initially_suspended=False)
        )
        self.stream: Any = self._app.stream(channel)
        self.sent = 0

    async def stop(self) -> None:
        """Stop the stream, and close the loop of the thread that a consumer would have."""
        await self.stream.stop()
        self._app.consumer._thread.thread_loop.close()

    def send(self, count: int) -> None:
        for _ in range(count):
            generation = self._app.consumer_generation_id
            message = Message("t", 0, self.sent, 0.0, 0, [], None, b"", None, tp=TP("t", 0), generation_id=generation)
            self.queue.put_nowait(Event(self._app, None, self.sent, {}, message))
            self.sent += 1


@pytest.fixture
async def source() -> AsyncIterator[Source]:
    one = Source()
    await one.stream.start()
    yield one
    await one.stop()


async def values(batches: Any) -> list[int]:
    async with asyncio.timeout(5):
        return [event.value for event in await anext(batches)]


async def test_one_event_is_handed_over_at_once_and_many_that_are_there_together(source: Source) -> None:
    async with aclosing(EagerTake(source.stream, MOST, 0.5, WORTH).batches()) as batches:
        source.send(1)
        assert await values(batches) == [0]
        source.send(20)
        assert await values(batches) == list(range(1, 21))
        assert not source.stream.enable_acks


async def test_no_batch_is_larger_than_the_most_and_none_is_lost(source: Source) -> None:
    source.send(3 * MOST + 1)
    found: list[list[int]] = []
    async with aclosing(EagerTake(source.stream, MOST, 0.5, WORTH).batches()) as batches:
        while sum(map(len, found)) < source.sent:
            found.append(await values(batches))
    assert [len(each) for each in found] == [MOST, MOST, MOST, 1]
    assert [value for each in found for value in each] == list(range(source.sent))


async def test_nothing_is_read_while_a_batch_is_at_work(source: Source) -> None:
    async with aclosing(EagerTake(source.stream, MOST, 0.01, WORTH).batches()) as batches:
        source.send(1)
        await values(batches)
        source.send(10)
        for _ in range(50):
            await asyncio.sleep(0)
        assert source.queue.qsize() >= 9  # one is in the stream's hands


async def test_events_that_come_often_are_gathered(source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rate, "_SMOOTHED_S", 0.3)
    take = EagerTake(source.stream, MOST, 0.3, WORTH)
    async with aclosing(take.batches()) as batches:
        source.send(MOST)
        assert len(await values(batches)) == MOST
        begun = time.monotonic()
        source.send(1)
        asyncio.get_running_loop().call_later(0.05, source.send, 1)
        assert len(await values(batches)) == 2
        assert 0.25 < time.monotonic() - begun < 2
        await asyncio.sleep(1)  # a pause of the sender
        source.send(1)
        assert len(await values(batches)) == 1
        begun = time.monotonic()
        source.send(1)
        assert len(await values(batches)) == 1
        assert time.monotonic() - begun < 0.25


async def test_what_was_taken_from_a_channel_that_is_emptied_is_handed_over(source: Source) -> None:
    async with aclosing(EagerTake(source.stream, MOST, 0.1, WORTH).batches()) as batches:
        coming = asyncio.ensure_future(anext(batches))
        source.send(10)
        for _ in range(8):
            await asyncio.sleep(0)
        left = source.queue.qsize()
        assert 0 < left < 10
        while not source.queue.empty():  # as at a rebalance
            source.queue.get_nowait()
        assert len(await asyncio.wait_for(coming, 5)) == 10 - left
