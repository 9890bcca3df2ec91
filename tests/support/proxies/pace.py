"""How much a slow server does: its own clock, which all of its callers share."""

import asyncio
import time
from contextlib import suppress


class Pace:
    """`units_per_s` of work, one after the other; None is as fast as the server is."""

    def __init__(self) -> None:
        self._units_per_s: float | None = None
        self._free_at = 0.0
        self._changed = asyncio.Event()

    @property
    def is_slow(self) -> bool:
        """Whether there is a pace."""
        return self._units_per_s is not None

    def change(self, units_per_s: float | None) -> None:
        """From now on; what waits goes on at once."""
        self._units_per_s, self._free_at = units_per_s, 0.0
        self._changed.set()
        self._changed = asyncio.Event()

    async def spend(self, units: float) -> None:
        """Wait as long as the work takes, behind all that was asked for before."""
        if self._units_per_s is None:
            return
        self._free_at = max(self._free_at, time.monotonic()) + units / self._units_per_s
        with suppress(TimeoutError):
            async with asyncio.timeout(self._free_at - time.monotonic()):
                await self._changed.wait()

    def affords(self) -> bool:
        """Whether one unit can be had now, without waiting: up to a second's units can be saved up."""
        if self._units_per_s is None:
            return True
        now = time.monotonic()
        free_at = max(self._free_at, now - 1) + 1 / self._units_per_s
        if free_at > now:
            return False
        self._free_at = free_at
        return True
