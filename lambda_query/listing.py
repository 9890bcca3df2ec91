"""`GET /events`: one list from both stores, each event once.

An event stands where PostgreSQL has it; where PostgreSQL lacks it, at the first of its
copies in DynamoDB. Each store gives its next events and how far they reach, DynamoDB no
further than PostgreSQL; what both reach is merged (lambda_query/page_merge.py), and where they
disagree each is asked about the other's events. Contents that only DynamoDB has are read
last, and no more than a page holds.
"""

from collections.abc import Callable
from functools import partial
from itertools import islice, takewhile
from typing import Any

from lambda_query import cursor
from lambda_query.answers import Verbatim, array, fitting
from lambda_query.page_merge import Merge, Merged
from lambda_query.question import DYNAMODB, MAX_BYTES, POSTGRES, Position, Question
from lambda_query.reading import read
from lambda_query.records import Listed
from lambda_query.stores import Inquiry
from pipeline.core.errors import StoreUnavailable
from pipeline.core.table import copy_key, identity_key


def list_events(inquiry: Inquiry, question: Question, key: bytes) -> dict[str, Any]:
    """The page that `question` asks for. Raises StoreUnavailable where no store answered to the end."""
    merge = read(inquiry, question)
    _learn(inquiry, merge, with_stores="stores" in question.fields)
    events = merge.events()
    if question.with_events:
        events = _with_contents(inquiry, events)
    if inquiry.failures.keys() >= set(question.stores):
        raise StoreUnavailable("no store answered to the end")
    return _page(question, events, merge.end, key) | inquiry.state


def _learn(inquiry: Inquiry, merge: Merge, *, with_stores: bool) -> None:
    """Ask each store about the events that only the other one has shown; `with_stores` as far as it shows alone."""
    stores = inquiry.stores
    of_dynamodb = merge.unknown_to_postgres | (merge.rows_alone if with_stores else set())
    others: dict[str, Callable[[], Any]] = {}
    if POSTGRES in merge.answering and merge.unknown_to_postgres:
        others[POSTGRES] = partial(stores.postgres.rows, merge.unknown_to_postgres)
    if DYNAMODB in merge.answering and of_dynamodb:
        others[DYNAMODB] = partial(stores.dynamodb.copies, of_dynamodb)
    answers = inquiry.ask(others)
    merge.learn(answers.get(POSTGRES, {}), answers.get(DYNAMODB, {}))


def _with_contents(inquiry: Inquiry, events: list[Merged]) -> list[Merged]:
    """`events` with their contents as far as a page holds them.

    Without those whose content can't be read, or is gone by now.
    """
    keys = {event.listed.identity: _item_key(event.item) for event in events if event.item}
    if not keys:
        return events
    read = partial(inquiry.stores.dynamodb.texts, list(keys.values()), MAX_BYTES)
    nothing = dict.fromkeys(keys.values())
    texts: dict[tuple[str, str], str | None] = inquiry.ask({DYNAMODB: read}).get(DYNAMODB, nothing)
    gone = {identity for identity, key in keys.items() if key in texts and texts[key] is None}
    return [
        event.with_event(texts.get(keys[event.listed.identity])) if event.item else event
        for event in events
        if event.listed.identity not in gone
    ]


def _item_key(copy: Listed) -> tuple[str, str]:
    return identity_key(*copy.identity), copy_key(copy.via or "sqs", bytes.fromhex(copy.content_hash))


def _page(question: Question, events: list[Merged], end: Position | None, key: bytes) -> dict[str, Any]:
    # A content that could not be read ends the page: the next one begins there.
    readable = takewhile(lambda event: not question.with_events or event.listed.event is not None, events)
    shown = fitting((_members(event, question) for event in islice(readable, question.limit)), MAX_BYTES)
    after = end
    if len(shown) < len(events):
        if not shown:
            raise AssertionError("a page begins with an event whose content was read")
        after = events[len(shown) - 1].listed.place
    return {"events": array(shown), "next": cursor.encode(after, question.scope, key) if after else None}


def _members(event: Merged, question: Question) -> dict[str, Any]:
    listed = event.listed
    members = {
        "source": listed.place.source,
        "id": listed.place.id,
        "type": listed.type,
        "subject": listed.subject,
        "time": listed.time,
        "received_at": listed.place.received_at,
        "stores": event.stores,
        "event": None if listed.event is None else Verbatim(listed.event),
    }
    return {name: members[name] for name in question.fields}
