"""Pace of calls: between two receptions, and to a store a window of events under way, and backoff after a failure."""

import random
import time

SPACING_S = 0.02
"""Least time between a reception, from a queue or from Kafka, that brought little and the next, which brings more.

What comes alone is received at once."""
_FIRST_EVENTS = 5
"""A window starts small: what is sent to a store of one event a second is to come back before its deadline."""
_SLOW_S = 1.0
"""A call that takes longer halves the window."""
_STEP_EVENTS = 5
_FIRST_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 2.0
_JITTER = 0.2


class Window:
    """A bound on the events under way: additive increase, multiplicative decrease, as TCP's.

    It doubles a round trip up to where it was last cut (slow start), and grows by a step a round trip beyond.
    """

    def __init__(self, most: int) -> None:
        self._most = float(most)
        self._size = float(min(_FIRST_EVENTS, most))
        self._threshold = self._most
        self._cut_at = float("-inf")

    @property
    def events(self) -> int:
        """The bound now, at least 1."""
        return int(self._size)

    def succeeded(self, events: int, begun: float) -> None:
        """A call with `events` events, begun at that time of the monotonic clock, was answered."""
        if time.monotonic() - begun > _SLOW_S:
            self._cut(self._size / 2, begun)
        elif self._size < self._threshold:
            self._size = min(self._most, self._size + events)
        else:
            # Never more than double: a store of one event a second can't take a whole step.
            self._size = min(self._most, self._size + min(_STEP_EVENTS, self._size) * events / self._size)

    def failed(self, begun: float) -> None:
        """A call was refused, in whole or in part, or was not answered in time."""
        has_hung = time.monotonic() - begun > _SLOW_S
        self._cut(1.0 if has_hung else self._size / 2, begun)

    def _cut(self, size: float, begun: float) -> None:
        """Cut once a round trip: calls that were under way at the last cut tell nothing of the window since."""
        if begun >= self._cut_at:
            self._size = self._threshold = max(1.0, size)
            self._cut_at = time.monotonic()


class Backoff:
    """The pause before the next try: longer after each failure in a row; `why` is the last one's text."""

    def __init__(self) -> None:
        self._failures = 0
        self._until = 0.0
        self.why: str | None = None

    @property
    def left_s(self) -> float:
        """How long the pause still lasts; 0 where there is none."""
        return max(0.0, self._until - time.monotonic())

    def failed(self, why: str) -> None:
        """Pause: nothing has moved."""
        self.why = why
        self._pause(min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2**self._failures))
        self._failures = min(self._failures + 1, 10)

    def partly_failed(self) -> None:
        """Pause for the shortest time: something has moved."""
        self.succeeded()
        self._pause(_FIRST_PAUSE_S)

    def succeeded(self) -> None:
        """Pause no more."""
        self._failures, self._until, self.why = 0, 0.0, None

    def _pause(self, seconds: float) -> None:
        self._until = time.monotonic() + seconds + random.uniform(0, _JITTER)  # noqa: S311 - no secret
