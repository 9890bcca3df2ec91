"""Takes events of a Faust stream in batches: at once where they come seldom, and together where they come often.

Faust's own `noack_take` waits for its whole time, from wherever its clock stands, also for a single event, and looks
twenty times a second whether there is one.
"""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

from streams.rate import Rate


class EagerTake:
    """Batches of at most `most` events of `stream`, none of them acknowledged.

    A batch is what has come by the time it is taken. Where `worth` events are to be expected within `linger_s`, by
    the rate of the events, they are waited for: a call to the store costs about as much for one as for `worth`.
    """

    def __init__(self, stream: Any, most: int, linger_s: float, worth: int) -> None:
        self._stream = stream
        self._most = most
        self._linger_s = linger_s
        self._worth = worth
        self._events: list[Any] = []
        self._has_some, self._is_full, self._may_add = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._may_add.set()
        self._latest: asyncio.TimerHandle | None = None
        self._rate = Rate()

    async def batches(self) -> AsyncGenerator[list[Any], None]:
        """The batches, one after the other: the stream is not read while one is at work."""
        stream = self._stream
        stream.enable_acks = False
        stream.add_processor(self._add)
        stream._enable_passive(aiter(stream.channel))
        try:
            while not stream.should_stop:
                await stream.wait_for_stopped(self._has_some)
                if self._events and self._rate.expected(self._linger_s) >= self._worth:
                    await stream.wait_for_stopped(self._is_full, timeout=self._linger_s)
                if self._events:
                    yield self._take()
                    self._may_add.set()
        finally:
            stream._processors.remove(self._add)
            self._may_add.set()

    async def _add(self, value: Any) -> Any:
        """A processor of the stream: it holds the stream up while a batch is at work, or is full."""
        while not self._may_add.is_set():
            await self._may_add.wait()
        if not self._events:  # a rebalance may empty the channel: what came from it is handed over nevertheless
            self._latest = asyncio.get_running_loop().call_later(self._linger_s, self._has_some.set)
        self._events.append(self._stream.current_event)
        if self._stream.channel.queue.empty():  # else the stream hands over the next one in a moment
            self._has_some.set()
        if len(self._events) >= self._most:
            self._has_some.set()
            self._is_full.set()
            self._may_add.clear()
        return value

    def _take(self) -> list[Any]:
        events, self._events = self._events, []
        if self._latest:
            self._latest.cancel()
        self._may_add.clear()
        self._has_some.clear()
        self._is_full.clear()
        self._rate.note(len(events))
        return events
