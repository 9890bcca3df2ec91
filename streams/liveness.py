"""Liveness of each way: a process that is stuck is better started again.

Faust is known to stall now and then, with nothing raised and nothing logged. A way is
stuck when there is work, nothing moves, and nothing outside of the process explains it.
"""

import os
import time
from collections.abc import Callable, Hashable, Sequence
from typing import Protocol

import mode
import structlog

from streams.ordered_stop import EXIT_CODE

_log = structlog.get_logger(__name__)

_TICK_S = 1.0
_LONGEST_TICK_S = 2.0
"""What counts of the time between two looks."""


class Watched(Protocol):
    """How events come in, as far as the watch looks at it."""

    name: str

    def progress(self) -> Hashable:
        """Something that changes whenever an event is let go of."""
        ...

    def is_behind(self) -> bool:
        """Whether there is something to do."""
        ...

    async def obstacle(self) -> str | None:
        """What keeps it from moving that a restart would not change, or that ends in time by itself."""
        ...


class Liveness:
    """How long each way has not moved."""

    def __init__(self, ways: Sequence[Watched], *, stuck_after_s: float, clock: Callable[[], float]) -> None:
        self._ways = ways
        self._clock = clock
        self._stuck_after_s = stuck_after_s
        self._looked_at = clock()
        self._watched_s = 0.0
        self._moved = {way.name: (way.progress(), 0.0) for way in ways}

    async def look(self) -> None:
        """Take note of what has moved, or could not."""
        now = self._clock()
        # A process that was stopped, or got no CPU, could not move.
        self._watched_s += min(now - self._looked_at, _LONGEST_TICK_S)
        self._looked_at = now
        for way in self._ways:
            progress = way.progress()
            moves = progress != self._moved[way.name][0] or not way.is_behind()
            if moves or (self._still_s(way) > self._stuck_after_s / 4 and await way.obstacle()):
                self._moved[way.name] = progress, self._watched_s

    def suspicion(self) -> str | None:
        """Why the process is probably stuck, from half of the time on."""
        return self._standing_still(self._stuck_after_s / 2)

    def verdict(self) -> str | None:
        """Why the process is stuck."""
        return self._standing_still(self._stuck_after_s)

    def _standing_still(self, longest_s: float) -> str | None:
        still = [way for way in self._ways if self._still_s(way) > longest_s]
        return "; ".join(f"{way.name}: nothing moved in {self._still_s(way):.0f} s" for way in still) or None

    def _still_s(self, way: Watched) -> float:
        return self._watched_s - self._moved[way.name][1]


class LivenessWatch(mode.Service):  # type: ignore[misc]
    """Looks every second, and ends the process when it is stuck."""

    def __init__(self, ways: Sequence[Watched], *, stuck_after_s: float) -> None:
        super().__init__()
        self._liveness = Liveness(ways, stuck_after_s=stuck_after_s, clock=time.monotonic)

    def suspicion(self) -> str | None:
        """Why the process is probably stuck."""
        return self._liveness.suspicion()

    @mode.Service.task  # type: ignore[untyped-decorator]
    async def _watch(self) -> None:
        async for _ in self.itertimer(_TICK_S):
            await self._liveness.look()
            if why := self._liveness.verdict():
                _log.critical("stuck: ending the process, so that it is started again", reason=why)
                os._exit(EXIT_CODE)  # an ordered stop waits for what is stuck
