"""The channel that brings an agent whole batches from outside Kafka."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import faust
from mode.utils.queues import FlowControlEvent, ThrowableQueue

from pipeline.events.delivery import Arrival


@dataclass(slots=True, eq=False)
class Batch:
    """Arrivals that are settled together.

    `release` lets go of those at some positions while others are still being settled; `settled`
    says of the rest whether it was settled, or is to be given back.
    """

    arrivals: Sequence[Arrival]
    release: Callable[[Sequence[int]], Awaitable[None]]
    settled: asyncio.Future[bool] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class BatchChannel(faust.Channel):  # type: ignore[misc]
    """A channel with one queue of its own.

    A plain Faust channel shares the flow control of the Kafka consumer: it is emptied
    at every rebalance and delivers nothing without Kafka. And what is put into it
    before its agent iterates is dropped.
    """

    @property
    def queue(self) -> ThrowableQueue:
        """The queue of the channel that this one was cloned from."""
        root = self._root or self
        if root._queue is None:
            root._queue = ThrowableQueue(maxsize=1, flow_control=FlowControlEvent(initially_suspended=False))
        return root._queue

    async def put(self, value: Batch) -> None:
        """Wait for room, then hand `value` to whichever iterator asks first."""
        await self.queue.put(value)
