"""Readiness of this process."""

import asyncio
import time
from collections.abc import Callable, Sequence

from gateway.legs.fan_out import FanOut

_FRESH_S = 1.0
_CONNECTING_FRESH_S = 0.1
"""The same just after the start: the process is ready about as soon as its legs are connected."""


class Readiness:
    """Asks the legs at most once a second, and while they connect every 0.1 s, however many ask it.

    `connecting_s` is how long after the start every leg is waited for; later, one that is out makes
    the process degraded and no less ready, where events are accepted without it.
    """

    def __init__(self, fan_out: FanOut, *, connecting_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._fan_out = fan_out
        self._clock = clock
        self._connects_until = clock() + connecting_s
        self._lock = asyncio.Lock()
        self._faults: dict[str, str | None] = {}
        self._checked_at = float("-inf")
        self.is_stopping = False

    def stop(self) -> None:
        """Say no from now on: the process is about to end."""
        self.is_stopping = True

    async def faults(self) -> dict[str, str | None]:
        """For each leg why it can't take events, or None where it can; at most a second old."""
        async with self._lock:
            is_connecting = self._clock() < self._connects_until and any(self._faults.values())
            if self._clock() - self._checked_at >= (_CONNECTING_FRESH_S if is_connecting else _FRESH_S):
                self._faults = await self._fan_out.check()
                self._checked_at = self._clock()
            return self._faults

    def is_ready(self, missing: Sequence[str]) -> bool:
        """Whether events can be accepted while the legs `missing` are out."""
        if missing and self._clock() < self._connects_until:
            return False
        return self._fan_out.accepts_without(missing)
