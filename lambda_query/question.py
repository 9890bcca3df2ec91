"""A list's question, and the one order that both stores share."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from pipeline.core import clock
from pipeline.core.identity import Identity

POSTGRES, DYNAMODB = "postgres", "dynamodb"
FIELDS = ("source", "id", "type", "subject", "time", "received_at", "stores", "event")
"""The members of a listed event."""
STORED_FIELDS = (*FIELDS[:-2], "stored_at", *FIELDS[-2:])
"""The members of an event in the order of storing."""
FILTERS = ("type", "source", "id", "subject")
"""The members that a list may be asked for by their exact value."""
MAX_BYTES = 5_000_000
"""Of an answer's contents: Lambda's limit of an answer is 6 MB with the body as a JSON string."""


class Position(NamedTuple):
    """Where an event stands in a list; compares as both stores sort.

    `received_at` has 27 characters (pipeline.core.clock.rfc3339). No event has an empty
    source or id: a place with both empty stands before all events of its microsecond.
    """

    received_at: str
    source: str = ""
    id: str = ""

    @property
    def identity(self) -> Identity:
        """(source, id)."""
        return self.source, self.id


def next_microsecond(moment: str) -> str:
    """The text of the moment after `moment`."""
    return clock.rfc3339(datetime.fromisoformat(moment).astimezone(UTC) + timedelta(microseconds=1))


@dataclass(frozen=True, kw_only=True)
class Question:
    """One page of a list: events whose place is above `low` and below `high`.

    `low` is None where neither a `from` nor a cursor bounds the list; `scope` says
    which events the list has and in which order: its cursors are good for that alone.
    """

    stores: tuple[str, ...]
    low: Position | None
    high: Position
    descending: bool
    scope: str
    limit: int
    type: str | None = None
    source: str | None = None
    id: str | None = None
    subject: str | None = None
    fields: tuple[str, ...] = FIELDS

    @property
    def filters(self) -> dict[str, str]:
        """The wanted value of each member that is filtered."""
        return {name: value for name in FILTERS if (value := getattr(self, name)) is not None}

    @property
    def identity(self) -> Identity | None:
        """The one event that `source` and `id` leave, where both are given."""
        return (self.source, self.id) if self.source is not None and self.id is not None else None

    @property
    def with_events(self) -> bool:
        """Whether the events' content is asked for."""
        return "event" in self.fields

    def after(self, place: Position) -> "Question":
        """The same list from behind `place` on."""
        return replace(self, high=place) if self.descending else replace(self, low=place)

    def through(self, place: Position) -> "Question":
        """The same list as far as `place`, with all that is in its microsecond."""
        if self.descending:
            first = Position(place.received_at)
            return replace(self, low=max(self.low, first) if self.low else first)
        return replace(self, high=min(self.high, Position(next_microsecond(place.received_at))))

    def holds(self, place: Position) -> bool:
        """Whether `place` is inside the range."""
        return (self.low is None or self.low < place) and place < self.high

    def sort(self, places: Iterable[Position]) -> list[Position]:
        """`places` as the list shows them."""
        return sorted(places, reverse=self.descending)

    def precedes(self, one: Position, other: Position) -> bool:
        """Whether the list comes to `one` before `other`."""
        return one > other if self.descending else one < other
