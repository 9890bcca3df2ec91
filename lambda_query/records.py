"""What the stores hold of an event, as they give it."""

from dataclasses import dataclass

from lambda_query.question import Place


@dataclass(frozen=True, slots=True)
class Listed:
    """An event as a list shows it; `event` is its JSON text, None where it was not asked for."""

    place: Place
    type: str
    subject: str | None
    time: str | None
    event: str | None


@dataclass(frozen=True, slots=True)
class Stored:
    """One stored copy of an event; times in RFC 3339, `origin` and `event` are JSON text."""

    received_at: str
    stored_at: str
    via: str
    origin: str
    content_hash: str
    event: str


@dataclass(frozen=True, slots=True)
class Copy:
    """One item of DynamoDB: a stored copy, and what a list shows of it."""

    listed: Listed
    stored: Stored

    @property
    def rank(self) -> tuple[Place, str, str]:
        """Orders the copies of an event: the first of them is its place in DynamoDB."""
        return self.listed.place, self.stored.via, self.stored.content_hash


@dataclass(frozen=True, slots=True)
class Page:
    """A store's part of a list.

    Everything from the list's start up to `end`, the place included, is in it; where
    `end` is None, everything.
    """

    events: list[Listed]
    end: Place | None
