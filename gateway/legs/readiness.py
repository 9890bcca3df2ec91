"""Readiness of this process."""

import asyncio
import time
from collections.abc import Sequence

from gateway.legs.fan_out import FanOut

_FRESH_S = 1.0


class Readiness:
    """Asks the legs at most once a second, however many ask it.

    `connecting_s` is how long after the start every leg is waited for; later, one that is out makes
    the process degraded and no less ready, where events are accepted without it.
    """

    def __init__(self, fan_out: FanOut, *, connecting_s: float) -> None:
        self._fan_out = fan_out
        self._connects_until = time.monotonic() + connecting_s
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
            if time.monotonic() - self._checked_at >= _FRESH_S:
                self._faults = await self._fan_out.check()
                self._checked_at = time.monotonic()
            return self._faults

    def is_ready(self, missing: Sequence[str]) -> bool:
        """Whether events can be accepted while the legs `missing` are out."""
        if missing and time.monotonic() < self._connects_until:
            return False
        return self._fan_out.accepts_without(missing)
