"""Backlog and age of each of the three ways."""

import asyncio
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack

from botocore.exceptions import BotoCoreError

from operations.backlog import NOTHING_READ, Backlog, BacklogReader, QueueBacklog
from operations.connections import PLACES, Connections
from pipeline.core.errors import QueueUnavailable
from web.operating.metrics import BacklogMetrics
from web.operating.state import Age, Waiting, Way

_TIMEOUT_S = 8.0
_COUNT_EVERY_S = 15.0
_SHARE_OF_TIME = 0.1
"""Counting Kafka's dead letters reads their topic: at most so much of the time is spent on it."""


class Backlogs:
    """Looks at the queues and topics of `places` over connections that are kept from the first look on.

    `metrics` exposes what each look found.
    """

    def __init__(self, places: Connections, metrics: BacklogMetrics) -> None:
        self._places = places
        self._metrics = metrics
        self._opened = AsyncExitStack()
        self._reader: BacklogReader | None = None
        self._emptiness = Emptiness()
        self._letters = TopicLetters(places)
        self.pending: dict[str, int] = {}
        """Of the last look: how many accepted events each leg is still to get; without what could not be read."""

    async def read(self) -> Backlog | str:
        """The backlog now, or why nothing of it can be read."""
        backlog = NOTHING_READ
        try:
            async with asyncio.timeout(_TIMEOUT_S):
                backlog = await (await self._connected()).read()
        except (BotoCoreError, TimeoutError) as error:  # no region, no credentials; a queue that falls silent
            return str(error) or f"no answer within {_TIMEOUT_S:g} s"
        finally:
            self.pending = backlog.pending()
            self._metrics.show(backlog)  # after a defect too: better unknown, which is an alert, than as it was
        return backlog

    async def ways(self, backlog: Backlog | str, ages_s: Mapping[str, float]) -> tuple[Way, ...]:
        """The ways, from what was read; `ages_s` is what the services say of the oldest message of their queue."""
        if isinstance(backlog, str):
            return tuple(Way(place, Waiting(), Waiting(), backlog) for place in PLACES)
        queues = {(queue.place, queue.dead): self._waiting(queue, ages_s) for queue in backlog.queues}
        faults = {name: why for name, why in backlog.unavailable.items() if name != "kafka"}
        fault = "; ".join(dict.fromkeys(faults.values()))
        return (
            Way("b", queues.get(("b", False), Waiting()), queues.get(("b", True), Waiting()), fault),
            Way("c", queues.get(("c", False), Waiting()), queues.get(("c", True), Waiting()), fault),
            await self._topic(backlog),
        )

    def count_letters_anew(self) -> None:
        """Count Kafka's dead letters with the next look: something was done with them."""
        self._letters.forget()

    async def close(self) -> None:
        """Close the connections."""
        await self._letters.close()
        await self._opened.aclose()

    async def _connected(self) -> BacklogReader:
        if not self._reader:
            self._reader = await self._opened.enter_async_context(BacklogReader.open(self._places))
        return self._reader

    def _waiting(self, queue: QueueBacklog, ages_s: Mapping[str, float]) -> Waiting:
        waiting, in_flight = queue.depth
        bound = self._emptiness.age(queue.name, is_empty=not waiting + in_flight, does_leave=not queue.dead)
        exact = Age(ages_s[queue.name]) if waiting + in_flight and queue.name in ages_s else None
        return Waiting(waiting, in_flight, exact or bound)

    async def _topic(self, backlog: Backlog) -> Way:
        if fault := backlog.unavailable.get("kafka", ""):
            return Way("kafka", Waiting(), Waiting(), fault)
        lag = sum(backlog.lag.values())
        age = self._emptiness.age("kafka", is_empty=not lag, does_leave=True)
        dead = await self._letters.count()
        dead_age = self._emptiness.age("kafka, dead", is_empty=not dead, does_leave=False) if dead is not None else None
        return Way("kafka", Waiting(lag, oldest=age), Waiting(dead, oldest=dead_age))


class Emptiness:
    """When each queue was seen empty last: SQS and Kafka do not say how old their oldest message is."""

    def __init__(self) -> None:
        self._first_looks: dict[str, float] = {}
        self._empty_at: dict[str, float] = {}

    def age(self, queue: str, *, is_empty: bool, does_leave: bool) -> Age | None:
        """What is known of the oldest message; `does_leave`: others take messages out in passing."""
        now = time.monotonic()
        first_look = self._first_looks.setdefault(queue, now)
        if is_empty:
            self._empty_at[queue] = now
            return None
        if queue in self._empty_at:
            return Age(now - self._empty_at[queue], "at_most")
        return None if does_leave else Age(now - first_look, "at_least")


class TopicLetters:
    """How many dead letters Kafka has, counted in the background and seldom."""

    def __init__(self, places: Connections) -> None:
        self._places = places
        self._counting: asyncio.Task[None] | None = None
        self._due_at = 0.0
        self._count: int | None = None

    async def count(self) -> int | None:
        """The newest count; None before the first, and while the topic can't be read."""
        is_idle = self._counting is None or self._counting.done()
        if is_idle and time.monotonic() >= self._due_at:
            self._counting = asyncio.create_task(self._count_all())
        if self._counting and self._count is None:
            await asyncio.wait([self._counting], timeout=1)
        return self._count

    def forget(self) -> None:
        """Count with the next call."""
        self._due_at = 0.0

    async def close(self) -> None:
        """Stop counting."""
        if self._counting:
            self._counting.cancel()
            await asyncio.wait([self._counting])

    async def _count_all(self) -> None:
        begun, count = time.monotonic(), 0
        self._due_at = begun + _COUNT_EVERY_S
        try:
            async with self._places.dead_letter_topic() as reading:
                async for _ in reading.letters():
                    count += 1
        except QueueUnavailable:
            self._count = None
            return
        self._count = count
        self._due_at = max(self._due_at, begun + (time.monotonic() - begun) / _SHARE_OF_TIME)
