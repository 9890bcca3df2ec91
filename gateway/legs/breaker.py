"""A circuit breaker: while a leg is out, its events are refused at once instead of waiting for a deadline."""

import random
import time
from collections.abc import Callable

MIN_FAILURES = 3
PAUSE_S = 1.0
"""Between the leg's last failure and the event that tries it again, less up to a quarter of jitter."""

PROBE_TIMEOUT_S = 10.0
"""The probe ends long before, unless its request was broken off; then another one may go."""


class Breaker:
    """Opens when a leg fails again and again and nothing succeeds beside it; one event at a time probes it.

    A failure counts where no other event succeeded since the failed one began: what a call
    that hangs takes along, or an event that the leg alone refuses, opens nothing under load.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._failures = 0
        self._succeeded_at = float("-inf")
        self._refuses_until = float("-inf")
        self._probed_at = float("-inf")

    @property
    def is_open(self) -> bool:
        """Whether events are refused now, but for a probe."""
        return self._failures >= MIN_FAILURES

    def retry_after_s(self) -> float:
        """How long to wait with the next event; 0 where one may go, as the probe if it is open."""
        return max(0.0, self._refuses_until - self._now()) if self.is_open else 0.0

    def begin(self) -> float:
        """An event goes to the leg; its beginning, to be told with its end."""
        begun = self._now()
        if self.is_open:
            self._probed_at = begun
            self._refuses_until = begun + PROBE_TIMEOUT_S
        return begun

    def succeeded(self) -> None:
        """The leg has an event: it is closed again."""
        self._failures = 0
        self._succeeded_at = self._now()

    def failed(self, begun: float) -> None:
        """The leg did not take the event that began at `begun`."""
        if self._succeeded_at >= begun:
            return
        self._failures += 1
        if begun < self._probed_at:
            return  # it began before the probe that is under way, whose end alone counts now
        self._refuses_until = self._now() + PAUSE_S * random.uniform(0.75, 1)  # noqa: S311 - no secret
