"""Records of an event, as the stores give them."""

from dataclasses import dataclass
from typing import NamedTuple

from lambda_query.question import Position, Question
from pipeline.core.identity import Identity
from pipeline.core.ways import Via


class Listed(NamedTuple):
    """A copy of an event as a list shows it: a row of PostgreSQL, or an item of DynamoDB.

    `via` is the item's way, None for the row; `event` is its JSON text, None where it was not read.
    """

    place: Position
    type: str
    subject: str | None
    time: str | None
    content_hash: str
    via: Via | None = None
    event: str | None = None

    @property
    def identity(self) -> Identity:
        """(source, id)."""
        return self.place.identity

    @property
    def received_at(self) -> str:
        """When the gateway accepted it."""
        return self.place.received_at

    def is_of(self, question: Question) -> bool:
        """Whether it has what `question` filters by."""
        members = {"type": self.type, "source": self.place.source, "id": self.place.id, "subject": self.subject}
        return question.filters.items() <= members.items()

    @property
    def rank(self) -> tuple[Position, str, str]:
        """Orders an event's copies: the first of its items is its place in DynamoDB."""
        return self.place, self.via or "", self.content_hash


@dataclass(frozen=True, slots=True)
class Stored:
    """One stored copy of an event; times in RFC 3339, `origin` and `event` are JSON text.

    `event` is None where it is too large for an answer.
    """

    received_at: str
    stored_at: str
    via: str
    origin: str
    traceparent: str | None
    content_hash: str
    event: str | None

    @property
    def rank(self) -> tuple[str, str, str]:
        """Orders an event's items as `Listed.rank` does."""
        return self.received_at, self.via, self.content_hash


class StoredRow(NamedTuple):
    """A row of PostgreSQL as a list in the order of storing shows it."""

    stored_at: str
    source: str
    id: str
    type: str
    subject: str | None
    time: str | None
    received_at: str
    event: str | None = None

    @property
    def position(self) -> Position:
        """Where it stands in that order."""
        return Position(self.stored_at, self.source, self.id)


@dataclass(frozen=True, slots=True)
class StoredPage:
    """Rows up to `end`, which is None at the end of what is stored; `asked_at` is PostgreSQL's time before it read."""

    rows: list[StoredRow]
    end: Position | None
    asked_at: str


@dataclass(frozen=True, slots=True)
class Page:
    """A store's part of a list, in the list's order.

    Everything from the list's start up to `end`, the place included, is in it; where
    `end` is None, everything. DynamoDB's copies stand each for itself.
    """

    copies: list[Listed]
    end: Position | None
