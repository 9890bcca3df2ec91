"""A token bucket: a rate that bursts may pass for a while."""

import time
from collections.abc import Callable

from pipeline.errors import RateLimited


class TokenBucket:
    """`per_s` tokens a second, up to `burst` of them."""

    def __init__(self, per_s: float, burst: float, now: Callable[[], float] = time.monotonic) -> None:
        self._per_s = per_s
        self._burst = burst
        self._now = now
        self._tokens = burst
        self._filled_at = now()

    def take(self, tokens: int) -> None:
        """Take `tokens` where there is one at least: a large batch goes into debt, or it could never pass.

        Raises RateLimited, with the seconds until there is one.
        """
        if not self.has_one():
            wait_s = (1 - self._tokens) / self._per_s
            raise RateLimited(f"this key may publish {self._per_s:g} events a second: slow down", wait_s)
        self.spend(tokens)

    def has_one(self) -> bool:
        """Whether there is a token now."""
        now = self._now()
        self._tokens = min(self._burst, self._tokens + (now - self._filled_at) * self._per_s)
        self._filled_at = now
        return self._tokens >= 1

    def spend(self, tokens: int) -> None:
        """Take `tokens`, whether there are so many or not."""
        self._tokens -= tokens
