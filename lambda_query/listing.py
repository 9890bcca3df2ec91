"""`GET /events`: one list from both stores, each event once.

An event stands where PostgreSQL has it; where PostgreSQL lacks it, at the first of its
copies in DynamoDB. Each store gives its next events and how far they reach; what both
reach is merged, and where they disagree each is asked about the other's events.
"""

from collections.abc import Callable
from functools import partial
from time import monotonic
from typing import Any

from lambda_query import cursor
from lambda_query.answers import Verbatim, encode
from lambda_query.budget import Budget
from lambda_query.question import DYNAMODB, POSTGRES, Identity, Place, Question
from lambda_query.records import Copy, Listed, Page
from lambda_query.stores import Stores
from lambda_query.walk import Walked, walk
from pipeline.errors import StoreUnavailable

MAX_BYTES = 5_000_000
"""Of a page: Lambda's limit is 6 MB with the body as a JSON string."""
_WALK_SHARE = 0.5
"""Of a store's time: a walk that took more ends its page and leaves the rest to the next one."""


def list_events(stores: Stores, question: Question, key: bytes, failures: dict[str, str]) -> dict[str, Any]:
    """The page that `question` asks for.

    Stores that did not answer are added to `failures`, with the reason; raises
    StoreUnavailable where none did.
    """
    budget = Budget(until=monotonic() + stores.timeout_s * _WALK_SHARE)
    questions: dict[str, Callable[[], Any]] = {
        POSTGRES: partial(stores.postgres.page, question),
        DYNAMODB: partial(walk, stores.dynamodb, question, budget),
    }
    try:
        parts = stores.ask({name: questions[name] for name in question.stores}, failures)
        if not parts:
            raise StoreUnavailable("no store answered")
        merge = _Merge(question, parts.get(POSTGRES, Page([], None)), parts.get(DYNAMODB, Walked([], None)))
        present, copies = _ask_about_the_others(stores, merge, set(parts), failures)
        if failures.keys() >= set(question.stores):
            raise StoreUnavailable("no store answered to the end")
    finally:
        stores.postgres.release()
    return _page(question, merge.events(present, copies), merge.end, key) | {
        "partial": bool(failures),
        "unavailable": sorted(failures),
    }


class _Merge:
    """What the stores gave, as far as both reach."""

    def __init__(self, question: Question, page: Page, walked: Walked) -> None:
        self._question = question
        self.end = self._nearest(page.end, walked.end)
        self.rows = [row for row in page.events if self._reaches(row.place)]
        self.places = [place for place in walked.places if self._reaches(place)]
        in_postgres = {row.place.identity for row in page.events}
        in_dynamodb = {place.identity for place in walked.places}
        self.only_in_dynamodb = {place.identity for place in self.places} - in_postgres
        self.only_in_postgres = {row.place.identity for row in self.rows} - in_dynamodb

    def events(self, present: set[Identity], copies: dict[Identity, list[Copy]]) -> list[tuple[Listed, list[str]]]:
        """The events with the stores that have them, in the list's order."""
        found = [(row, self._stores_of(row, copies)) for row in self.rows]
        for place in self.places:
            first = copies.get(place.identity, [None])[0]
            if first and place.identity not in present and first.listed.place == place and self._is_asked_for(first):
                found.append((first.listed, [DYNAMODB]))
        return sorted(found, key=lambda event: event[0].place, reverse=self._question.descending)

    def _stores_of(self, row: Listed, copies: dict[Identity, list[Copy]]) -> list[str]:
        identity = row.place.identity
        both = DYNAMODB in self._question.stores and (identity not in self.only_in_postgres or identity in copies)
        return [POSTGRES, DYNAMODB] if both else [POSTGRES]

    def _is_asked_for(self, copy: Copy) -> bool:
        listed = copy.listed
        members = {"type": listed.type, "source": listed.place.source, "subject": listed.subject}
        return all(members[name] == value for name, value in self._question.filters.items())

    def _reaches(self, place: Place) -> bool:
        return self.end is None or not self._question.precedes(self.end, place)

    def _nearest(self, *ends: Place | None) -> Place | None:
        known = self._question.sort(end for end in ends if end)
        return known[0] if known else None


def _ask_about_the_others(
    stores: Stores, merge: _Merge, answering: set[str], failures: dict[str, str]
) -> tuple[set[Identity], dict[Identity, list[Copy]]]:
    questions: dict[str, Callable[[], Any]] = {}
    if merge.only_in_dynamodb and POSTGRES in answering:
        questions[POSTGRES] = partial(stores.postgres.present, merge.only_in_dynamodb)
    if (others := merge.only_in_dynamodb | merge.only_in_postgres) and DYNAMODB in answering:
        questions[DYNAMODB] = partial(stores.dynamodb.copies, others)
    answers = stores.ask(questions, failures)
    return answers.get(POSTGRES, set()), answers.get(DYNAMODB, {})


def _page(question: Question, events: list[tuple[Listed, list[str]]], end: Place | None, key: bytes) -> dict[str, Any]:
    shown: list[Verbatim] = []
    size = 0
    for event, held_by in events[: question.limit]:
        text = Verbatim(encode(_members(event, held_by, question)))
        size += len(encode(str(text)).encode())
        if shown and size > MAX_BYTES:
            break
        shown.append(text)
    after = events[len(shown) - 1][0].place if len(shown) < len(events) else end
    return {"events": shown, "next": cursor.encode(after, question.scope, key) if after else None}


def _members(event: Listed, held_by: list[str], question: Question) -> dict[str, Any]:
    members = {
        "source": event.place.source,
        "id": event.place.id,
        "type": event.type,
        "subject": event.subject,
        "time": event.time,
        "received_at": event.place.received_at,
        "stores": held_by,
        "event": None if event.event is None else Verbatim(event.event),
    }
    return {name: members[name] for name in question.fields}
