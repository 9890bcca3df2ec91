"""Merge of both stores' pages of a list, as far as both reach."""

from collections.abc import Mapping
from typing import NamedTuple

from lambda_query.question import DYNAMODB, POSTGRES, Position, Question
from lambda_query.records import Listed, Page
from pipeline.core.identity import Identity

_NOTHING = Page([], None)


class Merged(NamedTuple):
    """An event of the list: what is shown of it, the stores that have it, and its item where that has its content."""

    listed: Listed
    stores: list[str]
    item: Listed | None = None

    def with_event(self, text: str | None) -> "Merged":
        """The same with its content."""
        return self._replace(listed=self.listed._replace(event=text))


class Merge:
    """The part of each store up to `end`, which both reach; None is the list's end."""

    def __init__(self, question: Question, page: Page | None, walked: Page | None) -> None:
        """A part that is None is that of a store which was not asked or did not answer."""
        self.answering = {name for name, part in ((POSTGRES, page), (DYNAMODB, walked)) if part}
        page, walked = page or _NOTHING, walked or _NOTHING
        self._question = question
        self.end = self._nearest(page.end, walked.end)
        self.rows = [row for row in page.copies if self._reaches(row.place)]
        self.items = [item for item in walked.copies if self._reaches(item.place)]
        in_postgres = {row.identity for row in page.copies}
        in_dynamodb = {item.identity for item in walked.copies}
        self.unknown_to_postgres = {item.identity for item in self.items} - in_postgres
        self.rows_alone = {row.identity for row in self.rows} - in_dynamodb
        self._later_rows: Mapping[Identity, Listed] = {}
        self._copies: Mapping[Identity, list[Listed]] = {}

    def learn(self, rows: Mapping[Identity, Listed], copies: Mapping[Identity, list[Listed]]) -> None:
        """Take in what the stores say of the identities that were unknown to them."""
        self._later_rows, self._copies = rows, copies

    def events(self) -> list[Merged]:
        """The events in the list's order; those that PostgreSQL's page lacks are without their contents."""
        found = [Merged(row, self._stores_of(row)) for row in self.rows]
        for identity in self.unknown_to_postgres:
            if copies := self._copies.get(identity):
                found += self._found_elsewhere(self._later_rows.get(identity), copies)
        return sorted(found, key=lambda event: event.listed.place, reverse=self._question.descending)

    def is_in_reach(self, place: Position) -> bool:
        """Whether `place` is in the list's range and not past `end`."""
        return self._question.holds(place) and self._reaches(place)

    def _found_elsewhere(self, row: Listed | None, copies: list[Listed]) -> list[Merged]:
        """An event that PostgreSQL's page lacks: at its row if that came only now, at its first item if it has none."""
        shown = row or copies[0]
        if not self.is_in_reach(shown.place) or not shown.is_of(self._question):
            return []
        stores = [POSTGRES, DYNAMODB] if row else [DYNAMODB]
        same = [copy for copy in copies if copy.content_hash == shown.content_hash]
        return [Merged(shown, stores, (same or copies)[0])]

    def _stores_of(self, row: Listed) -> list[str]:
        is_in_dynamodb = row.identity not in self.rows_alone or row.identity in self._copies
        return [POSTGRES, DYNAMODB] if is_in_dynamodb and DYNAMODB in self._question.stores else [POSTGRES]

    def _reaches(self, place: Position) -> bool:
        return self.end is None or not self._question.precedes(self.end, place)

    def _nearest(self, *ends: Position | None) -> Position | None:
        known = self._question.sort(end for end in ends if end)
        return known[0] if known else None
