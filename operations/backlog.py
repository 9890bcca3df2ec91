"""Backlog: the messages of the queues and of their dead-letter queues, the events of the topic, and pending ones."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Literal, NamedTuple, Self

from operations.connections import Connections
from operations.topic_lag import TopicLag
from pipeline.clients.sqs import Depth, Queue
from pipeline.core.errors import QueueUnavailable
from pipeline.core.ways import HEALER_GROUP, SERVICE_C

QueuePlace = Literal["b", "c", "pending"]
_QUEUES: tuple[tuple[QueuePlace, bool], ...] = (("b", False), ("c", False), ("b", True), ("c", True))
_PENDING: tuple[QueuePlace, bool] = ("pending", False)


class QueueBacklog(NamedTuple):
    """One queue's: `place` is whose it is, `dead` whether it is the dead-letter queue of it, `name` as SQS has it."""

    place: QueuePlace
    dead: bool
    name: str
    depth: Depth


class Backlog(NamedTuple):
    """What waits now.

    `lag` is events by partition, and `pending_lag` those of the pending topic, which SNS is still to get. What
    could not be read is in none of them, but in `unavailable`: why, by the queue's name or `kafka`.
    """

    queues: tuple[QueueBacklog, ...]
    lag: dict[int, int]
    unavailable: dict[str, str]
    pending_lag: dict[int, int]

    def pending(self) -> dict[str, int]:
        """How many accepted events each leg is still to get, by its name; without those that can't be read."""
        for_kafka = [sum(each.depth) for each in self.queues if each.place == "pending"]
        waiting = {"sns": sum(self.pending_lag.values())} if self.pending_lag else {}
        return waiting | ({"kafka": for_kafka[0]} if for_kafka else {})


NOTHING_READ = Backlog((), {}, {}, {})


class BacklogReader:
    """Reads the backlog as often as it is asked, over connections that it keeps."""

    def __init__(
        self, queues: dict[tuple[QueuePlace, bool], Queue], topic_lag: TopicLag, pending_lag: TopicLag
    ) -> None:
        self._queues = queues
        self._topic_lag = topic_lag
        self._pending_lag = pending_lag

    @classmethod
    @asynccontextmanager
    async def open(cls, places: Connections) -> AsyncIterator[Self]:
        """A reader of `places`."""
        async with AsyncExitStack() as opened:
            queues = {
                (place, dead): await opened.enter_async_context(places.queue(place, dead=dead))
                for place, dead in (*_QUEUES, *([_PENDING] if places.settings.pending_queue_url else []))
            }
            topic_lag = TopicLag(places.settings.kafka, SERVICE_C)
            pending_lag = TopicLag.of_pending(places.settings.kafka, HEALER_GROUP)
            for lag in (topic_lag, pending_lag):
                opened.push_async_callback(lag.close)
            yield cls(queues, topic_lag, pending_lag)

    async def read(self) -> Backlog:
        """What waits now, all asked at the same time."""
        unavailable: dict[str, str] = {}

        async def queue(place: QueuePlace, dead: bool) -> QueueBacklog | None:
            asked = self._queues[place, dead]
            try:
                return QueueBacklog(place, dead, asked.name, await asked.depth())
            except QueueUnavailable as error:
                unavailable[asked.name] = str(error)
                return None

        async def lag(of: TopicLag) -> dict[int, int]:
            try:
                return await of.read()
            except QueueUnavailable as error:
                unavailable["kafka"] = str(error)
                return {}

        depths, by_partition, pending = await asyncio.gather(
            asyncio.gather(*(queue(place, dead) for place, dead in self._queues)),
            lag(self._topic_lag),
            lag(self._pending_lag),
        )
        return Backlog(tuple(filter(None, depths)), by_partition, unavailable, pending)
