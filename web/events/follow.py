"""Look at an event again and again until every store has it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from operations.http_api import EdgeUnavailable
from pipeline.core import clock
from web.answers import Record
from web.edges import Edges
from web.events.journey import WAYS, missing

LATE_AFTER = timedelta(seconds=3)
"""Most events are stored within a tenth of a second: what takes so long has a reason."""
_FIRST_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 2.0
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
    """The event to look for; `accepted_at` is when the gateway took it, where that is known."""

    source: str
    id: str
    accepted_at: datetime | None


async def sightings(edges: Edges, sought: Sought, closing: asyncio.Event) -> AsyncIterator[Sighting]:
    """Each look that found something new, up to the complete receipt, `closing` or five minutes.

    The query tells nobody when an event arrives, so it is asked, less and less often.
    """
    now = asyncio.get_running_loop().time
    deadline, pause, last = now() + _LONGEST_S, _FIRST_PAUSE_S, None
    while now() < deadline and not closing.is_set():
        sighting = await look(edges, sought, last)
        if sighting != last:
            yield sighting
        if sighting.is_over:
            return
        last = sighting
        with suppress(TimeoutError):
            await asyncio.wait_for(closing.wait(), pause)
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
