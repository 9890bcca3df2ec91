"""Bounds of a scan of DynamoDB's index: calls and time, and the end of PostgreSQL's page of the same list."""

import threading
from dataclasses import dataclass
from time import monotonic

from lambda_query.question import Position


@dataclass
class Budget:
    """What one walk may use up: calls of DynamoDB, and time until `until` (monotonic seconds)."""

    until: float
    calls: int

    @property
    def spent(self) -> bool:
        """Whether the walk is to stop at the next place where it can."""
        return self.calls <= 0 or monotonic() >= self.until


class ScanBound:
    """The end of PostgreSQL's page: the scan need go no further.

    Told by the thread that reads PostgreSQL, looked at by the one that scans.
    """

    def __init__(self) -> None:
        self._told = threading.Event()
        self._end: Position | None = None

    def tell(self, end: Position | None) -> None:
        """The page goes as far as `end`, or to the list's end, or there is none: nothing bounds the walk."""
        self._end = end
        self._told.set()

    def end(self, wait_s: float = 0) -> Position | None:
        """The position that bounds the scan, if it is known within `wait_s`."""
        return self._end if self._told.wait(wait_s) else None
