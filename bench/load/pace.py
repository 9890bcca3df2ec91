"""When the next request is due."""

import asyncio
import time
from collections import deque
from collections.abc import Iterator

from bench.load.connection import Connection

_TICK_S = 0.001


class ClosedLoop:
    """A request on every connection as soon as the one before it is answered."""

    is_behind = False
    """Whether a request that is due was not sent."""

    def __init__(self, requests: Iterator[bytes]) -> None:
        self.sent = 0
        self._requests = requests
        self._ended = False

    def ready(self, connection: Connection) -> None:
        """`connection` can take a request."""
        if not self._ended:
            self.sent += 1
            connection.send(next(self._requests), time.perf_counter())

    def lost(self, connection: Connection) -> None:
        """`connection` has ended; it is ready again once it is back."""

    def end(self) -> None:
        """No more requests."""
        self._ended = True


class OpenLoop:
    """Requests at `rate_per_s` from the first ready connection on, whatever is answered.

    One that is due while no connection is free goes out late and stays due when it was:
    its latency counts from then (no coordinated omission, as wrk2 does). The connections take
    turns, so that none is idle for as long as servers allow.
    """

    def __init__(self, requests: Iterator[bytes], rate_per_s: float) -> None:
        self.sent = 0
        self._requests = requests
        self._interval_s = 1 / rate_per_s
        self._free: deque[Connection] = deque()
        self._next_due: float | None = None
        self._last_due = float("inf")

    @property
    def is_behind(self) -> bool:
        """Whether a request that is due was not sent."""
        return self._next_due is not None and self._next_due <= min(time.perf_counter(), self._last_due)

    def ready(self, connection: Connection) -> None:
        """`connection` can take a request."""
        self._free.append(connection)
        if self._next_due is None:
            self._next_due = time.perf_counter()
            self._tick()
        else:
            self._send_due()

    def lost(self, connection: Connection) -> None:
        """`connection` has ended; it is ready again once it is back."""
        if connection in self._free:
            self._free.remove(connection)

    def end(self) -> None:
        """No requests that are due later than now; what is late is still sent."""
        self._last_due = time.perf_counter()

    def _tick(self) -> None:
        self._send_due()
        if self._next_due is not None and self._next_due <= self._last_due:
            asyncio.get_running_loop().call_later(_TICK_S, self._tick)

    def _send_due(self) -> None:
        now = min(time.perf_counter(), self._last_due)
        while self._free and self._next_due is not None and self._next_due <= now:
            due_at, self._next_due = self._next_due, self._next_due + self._interval_s
            self.sent += 1
            self._free.popleft().send(next(self._requests), due_at)
