"""Token bucket: a rate that bursts may pass for a while."""

import time
from collections.abc import Callable


class TokenBucket:
    """`per_s` tokens a second, up to `burst` of them."""

    def __init__(self, per_s: float, burst: float, now: Callable[[], float] = time.monotonic) -> None:
        self._per_s = per_s
        self._burst = burst
        self._now = now
        self._tokens = burst
        self._filled_at = now()

    def wait_s(self) -> float:
        """Seconds until there is a token; 0 where there is one now."""
        self._fill()
        return max(0.0, (1 - self._tokens) / self._per_s)

    def spend(self, tokens: int = 1) -> None:
        """Take `tokens`, whether there are so many or not: more than `burst` at once could never be taken else."""
        self._fill()
        self._tokens -= tokens

    def _fill(self) -> None:
        now = self._now()
        self._tokens = min(self._burst, self._tokens + (now - self._filled_at) * self._per_s)
        self._filled_at = now
