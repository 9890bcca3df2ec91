"""Counts of answers, and the latencies of those that were due in the measured seconds."""

import time
from array import array
from collections import Counter

_ACCEPTED = 202


class Tally:
    """Fed with every answer."""

    def __init__(self) -> None:
        self.accepted = 0
        self.refused: Counter[int] = Counter()
        self.latencies_s = array("d")
        self._from, self._to = float("inf"), float("inf")

    def begin(self) -> None:
        """Keep the latencies of what is due from now on."""
        self._from = time.perf_counter()

    def end(self) -> None:
        """Keep no latency of what is due later than now."""
        self._to = time.perf_counter()

    def answered(self, status: int, due_at: float) -> None:
        """An answer to the request that was due at `due_at` (perf_counter)."""
        if status != _ACCEPTED:
            self.refused[status] += 1
            return
        self.accepted += 1
        if self._from <= due_at < self._to:
            self.latencies_s.append(time.perf_counter() - due_at)
