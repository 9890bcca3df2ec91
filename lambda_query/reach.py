"""The end of PostgreSQL's page of a list: the scan in DynamoDB need go no further."""

import threading

from lambda_query.question import Place


class Reach:
    """Told by the thread that reads PostgreSQL, looked at by the one that walks."""

    def __init__(self) -> None:
        self._told = threading.Event()
        self._end: Place | None = None

    def tell(self, end: Place | None) -> None:
        """The page goes as far as `end`, or to the list's end, or there is none: nothing bounds the walk."""
        self._end = end
        self._told.set()

    def end(self, wait_s: float = 0) -> Place | None:
        """The place that bounds the walk, where it is told within `wait_s`."""
        return self._end if self._told.wait(wait_s) else None
