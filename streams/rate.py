"""How often events come."""

import math
import time

_SMOOTHED_S = 0.2


class Rate:
    """Events a second, smoothed over 0.2 s; it fades where none come."""

    def __init__(self) -> None:
        self._per_s = 0.0
        self._at = time.monotonic()

    def note(self, events: int) -> None:
        """So many have come since the last note."""
        now = time.monotonic()
        passed_s = max(now - self._at, 1e-6)
        self._per_s += (events / passed_s - self._per_s) * (1 - math.exp(-passed_s / _SMOOTHED_S))
        self._at = now

    def expected(self, within_s: float) -> float:
        """How many are to be expected within so many seconds."""
        return self._per_s * within_s * math.exp(-(time.monotonic() - self._at) / _SMOOTHED_S)
