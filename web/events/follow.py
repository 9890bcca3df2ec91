"""Look at an event until every store has it: when the gateway has news of it, or else again and again."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog

from operations.http_api import EdgeUnavailable, Refused
from pipeline.core import clock
from web.answers import Record
from web.edges import Edges
from web.events.journey import WAYS, missing

LATE_AFTER = timedelta(seconds=3)
"""Most events are stored within a tenth of a second: what takes so long has a reason."""
_log = structlog.get_logger(__name__)
_FIRST_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 2.0
_LIVE_PAUSE_S = LATE_AFTER.total_seconds()
"""While the gateway reports news, a look finds the rest: that the event is late, and what is down."""
_LONGEST_S = 300.0


@dataclass(frozen=True)
class Sighting:
    """What one look found.

    `record` is None where no store has the event; `reachable`: the query answered; `is_late`: what
    is missing should be there by now; `silent`: the services on its way that do not say that they work.
    """

    record: Record | None
    reachable: bool
    is_late: bool = False
    silent: frozenset[str] = frozenset()
    is_last: bool = False

    @property
    def is_over(self) -> bool:
        """Every store has it, and the query says so."""
        return self.reachable and bool(self.record and self.record.complete)


@dataclass(frozen=True)
class Sought:
    """The event to look for; `accepted_at` is when the gateway took it, where that is known.

    `pending` are the legs that were out then: another broker holds the event for them.
    """

    source: str
    id: str
    accepted_at: datetime | None
    pending: frozenset[str] = frozenset()


class _News:
    """Whether the gateway reports an event's news, and whether there is any."""

    def __init__(self) -> None:
        self.is_live = False
        self._came = asyncio.Event()

    @asynccontextmanager
    async def followed(self, edges: Edges, sought: Sought) -> AsyncIterator[None]:
        """Follow the event in the block; a gateway that refuses, or is away, is not asked again."""
        following = asyncio.create_task(self._follow(edges, sought))
        try:
            yield
        finally:
            following.cancel()
            await asyncio.wait((following,))

    async def wait(self, closing: asyncio.Event, longest_s: float) -> None:
        """Returns when there is something new, or at `closing`, or after `longest_s`."""
        waits = [asyncio.ensure_future(each.wait()) for each in (self._came, closing)]
        try:
            await asyncio.wait(waits, timeout=longest_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in waits:
                each.cancel()
        self._came.clear()

    async def _follow(self, edges: Edges, sought: Sought) -> None:
        try:
            async with aclosing(edges.journey(sought.source, sought.id)) as events:
                async for _ in events:
                    if self.is_live:
                        self._came.set()
                    self.is_live = True  # the first one says what is known when the stream begins
        except (EdgeUnavailable, Refused) as error:
            _log.info("no journey from the gateway: the query is polled", error=str(error))
        except Exception:  # noqa: BLE001 - whatever it is, the event is looked for again and again
            _log.exception("a journey's stream failed")
        finally:
            self.is_live = False
            self._came.set()


async def sightings(edges: Edges, sought: Sought, closing: asyncio.Event) -> AsyncIterator[Sighting]:
    """Each look that found something new, up to the complete receipt, `closing` or five minutes.

    Without the gateway's news the query is asked, less and less often.
    """
    now = asyncio.get_running_loop().time
    deadline, pause, last = now() + _LONGEST_S, _FIRST_PAUSE_S, None
    news = _News()
    async with news.followed(edges, sought):
        while now() < deadline and not closing.is_set():
            sighting = await look(edges, sought, last)
            if sighting != last:
                yield sighting
            if sighting.is_over:
                return
            last = sighting
            await news.wait(closing, _LIVE_PAUSE_S if news.is_live else pause)
            pause = min(pause * 1.3, _LONGEST_PAUSE_S)
    if last and not closing.is_set():
        yield replace(last, is_last=True)


async def look(edges: Edges, sought: Sought, last: Sighting | None = None) -> Sighting:
    """One look at the event; what `last` had found stands while the query does not answer."""
    try:
        record, reachable = await edges.event(sought.source, sought.id), True
    except EdgeUnavailable:
        record, reachable = last.record if last else None, False
    taken_at = record.receipt.received_at if record else sought.accepted_at
    ways = missing(record)
    if not ways or not taken_at or clock.now() - taken_at < LATE_AFTER:
        return Sighting(record, reachable)
    return Sighting(record, reachable, is_late=True, silent=await _silent(edges, ways))


async def _silent(edges: Edges, ways: set[str]) -> frozenset[str]:
    services = sorted({WAYS[way][-2] for way in ways})
    ready = await asyncio.gather(*(edges.is_ready(service) for service in services))
    return frozenset(service for service, is_ready in zip(services, ready, strict=True) if not is_ready)
