"""Look at an event again and again until every store has it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass

from web.answers import Record
from web.edges import Edges, EdgeUnavailable

_FIRST_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 2.0
_LONGEST_S = 300.0


@dataclass(frozen=True)
class Sighting:
    """What one look found: the record, None where no store has the event; `reachable`: the query answered."""

    record: Record | None
    reachable: bool

    @property
    def is_over(self) -> bool:
        """Every store has it, and the query says so."""
        return self.reachable and bool(self.record and self.record.complete)


async def sightings(edges: Edges, source: str, id_: str, closing: asyncio.Event) -> AsyncIterator[Sighting]:
    """Each look that found something new, up to the complete receipt, `closing` or five minutes.

    The query tells nobody when an event arrives, so it is asked, less and less often.
    """
    clock = asyncio.get_running_loop().time
    deadline, pause, last = clock() + _LONGEST_S, _FIRST_PAUSE_S, None
    while clock() < deadline and not closing.is_set():
        sighting = await _look(edges, source, id_, last)
        if sighting != last:
            yield sighting
        if sighting.is_over:
            return
        last = sighting
        with suppress(TimeoutError):
            await asyncio.wait_for(closing.wait(), pause)
        pause = min(pause * 1.3, _LONGEST_PAUSE_S)


async def _look(edges: Edges, source: str, id_: str, last: Sighting | None) -> Sighting:
    try:
        return Sighting(await edges.event(source, id_), reachable=True)
    except EdgeUnavailable:
        return Sighting(last.record if last else None, reachable=False)
