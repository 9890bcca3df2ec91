"""What waits: the messages of the queues and of their dead-letter queues, and the events of the topic."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Literal, NamedTuple, Self

from pipeline.errors import QueueUnavailable
from pipeline.places import Places
from pipeline.sqs import Depth, Queue
from pipeline.topic_lag import TopicLag

GROUP = "service-c"
"""Service C's consumer group: the name of its Faust app."""

QueuePlace = Literal["b", "c"]
_QUEUES: tuple[tuple[QueuePlace, bool], ...] = (("b", False), ("c", False), ("b", True), ("c", True))


class QueueBacklog(NamedTuple):
    """One queue's: `place` is whose it is, `dead` whether it is the dead-letter queue of it, `name` as SQS has it."""

    place: QueuePlace
    dead: bool
    name: str
    depth: Depth


class Backlog(NamedTuple):
    """What waits now.

    `lag` is events by partition. What could not be read is in neither of both, but in
    `unavailable`: why, by the queue's name or `kafka`.
    """

    queues: tuple[QueueBacklog, ...]
    lag: dict[int, int]
    unavailable: dict[str, str]


NOTHING_READ = Backlog((), {}, {})


class BacklogReader:
    """Reads the backlog as often as it is asked, over connections that it keeps."""

    def __init__(self, queues: dict[tuple[QueuePlace, bool], Queue], topic_lag: TopicLag) -> None:
        self._queues = queues
        self._topic_lag = topic_lag

    @classmethod
    @asynccontextmanager
    async def open(cls, places: Places) -> AsyncIterator[Self]:
        """A reader of `places`."""
        async with AsyncExitStack() as opened:
            queues = {
                (place, dead): await opened.enter_async_context(places.queue(place, dead=dead))
                for place, dead in _QUEUES
            }
            topic_lag = TopicLag(places.settings.kafka, GROUP)
            opened.push_async_callback(topic_lag.close)
            yield cls(queues, topic_lag)

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

        async def lag() -> dict[int, int]:
            try:
                return await self._topic_lag.read()
            except QueueUnavailable as error:
                unavailable["kafka"] = str(error)
                return {}

        depths, by_partition = await asyncio.gather(
            asyncio.gather(*(queue(place, dead) for place, dead in _QUEUES)), lag()
        )
        return Backlog(tuple(filter(None, depths)), by_partition, unavailable)
