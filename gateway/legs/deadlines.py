"""Many equal deadlines with one timer: asyncio's own costs 4 µs a use, and there is one an event."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from gateway.errors import LegUnavailable

LATE_S = 0.05
"""How late a deadline may be."""


class _Watched(NamedTuple):
    due: float
    futures: list[asyncio.Future[None]]


class Deadlines:
    """Fails futures that have no end `timeout_s` after they were given, at most LATE_S late."""

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._watched: dict[int, _Watched] = {}
        self._number = 0
        self._look: asyncio.TimerHandle | None = None

    @contextmanager
    def of(self, futures: list[asyncio.Future[None]]) -> Iterator[None]:
        """For the length of the block: what of `futures` has no end in time ends with LegUnavailable."""
        self._number = number = self._number + 1
        due = asyncio.get_running_loop().time() + self._timeout_s
        self._watched[number] = _Watched(due, futures)
        if not self._look:
            self._look_at(due)
        try:
            yield
        finally:
            del self._watched[number]

    def _look_at(self, due: float) -> None:
        self._look = asyncio.get_running_loop().call_at(due + LATE_S, self._fail_overdue)

    def _fail_overdue(self) -> None:
        """The first of them are the oldest; the timer stops where there is none."""
        now = asyncio.get_running_loop().time()
        for watched in self._watched.values():
            if watched.due > now:
                return self._look_at(watched.due)
            for future in watched.futures:
                if not future.done():
                    future.set_exception(LegUnavailable("leg", "no acknowledgement in time"))
        self._look = None
        return None
