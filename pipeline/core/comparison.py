"""Comparison of the stores: the one rule, of the tools and of the query, for an event that is complete.

Only the standard library is imported here: the Lambda's archive holds this module.
"""

from collections.abc import Callable, Iterable
from datetime import timedelta
from itertools import groupby
from typing import Protocol, TypeVar

from pipeline.core import clock
from pipeline.core.ways import WAYS, Via

SETTLING = timedelta(seconds=30)
"""What is younger may still be on its way."""
COPIES = tuple(way.copy for way in WAYS)
"""The copies that an event has when it is complete: PostgreSQL's row (None), and DynamoDB's by each way."""


class Held(Protocol):
    """A copy, as far as it is compared."""

    @property
    def received_at(self) -> str:
        """Its place in time: an event that was sent again may have copies at several."""
        ...

    @property
    def via(self) -> Via | None:
        """One of COPIES."""
        ...

    @property
    def content_hash(self) -> str:
        """The content's SHA-256."""
        ...


H = TypeVar("H", bound=Held)


def is_doubtful(copies: Iterable[Held]) -> bool:
    """Whether an event of which these `copies` were seen at one place is to be looked up."""
    seen = list(copies)
    return bool(lacking(seen)) or conflicting(seen)


def first_place(copies: Iterable[H], is_meant: Callable[[list[H]], bool]) -> str | None:
    """The `received_at` of the first of an event's positions that has the copies: the event is reported there only."""
    ordered = sorted(copies, key=lambda copy: copy.received_at)
    places = groupby(ordered, key=lambda copy: copy.received_at)
    return next((place for place, there in places if is_meant(list(there))), None)


def lacking(copies: Iterable[Held]) -> tuple[Via | None, ...]:
    """Those of COPIES that have no copy among the `copies` of an event."""
    there = {copy.via for copy in copies}
    return tuple(via for via in COPIES if via not in there)


def conflicting(copies: Iterable[Held]) -> bool:
    """Whether the `copies` of an event have more than one content."""
    return len({copy.content_hash for copy in copies}) > 1


def settled_until(until: str | None) -> str:
    """`until`, but no later than what is settled by now."""
    settled = clock.rfc3339(clock.now() - SETTLING)
    return min(until, settled) if until else settled
