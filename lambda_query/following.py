"""`GET /stored`: events in the order in which PostgreSQL stored them, for who follows what comes.

`received_at` is the word of a gateway's clock: an event whose clock was ahead would hide what comes
after it, and a late one would stand behind what was shown already.
"""

from datetime import datetime, timedelta
from functools import partial
from typing import Any

from lambda_query import cursor
from lambda_query.answers import Verbatim, array, fitting
from lambda_query.question import DYNAMODB, MAX_BYTES, POSTGRES, Question
from lambda_query.records import StoredPage, StoredRow
from lambda_query.stores import Inquiry
from pipeline.core import clock
from pipeline.core.errors import StoreUnavailable
from pipeline.core.identity import Identity

_OVERLAP = timedelta(seconds=10)
"""`stored_at` is the time of an insert, which others see once it is committed: what is asked next begins
so much earlier."""


def list_stored(inquiry: Inquiry, question: Question, key: bytes) -> dict[str, Any]:
    """The page that `question` asks for; its places are of `stored_at`. Raises StoreUnavailable."""
    answers = inquiry.ask({POSTGRES: partial(inquiry.stores.postgres.stored, question)})
    page: StoredPage | None = answers.get(POSTGRES)
    if not page:
        raise StoreUnavailable("it alone knows when an event was stored")
    holders = _holders(inquiry, page.rows) if "stores" in question.fields else {}
    shown = fitting((_members(row, holders, question) for row in page.rows), MAX_BYTES)
    end = page.rows[len(shown) - 1].position if len(shown) < len(page.rows) else page.end
    return {
        "events": array(shown),
        "next": cursor.encode(end, question.scope, key) if end else None,
        "resume_from": _resume_from(page.asked_at, question),
    } | inquiry.state


def _resume_from(asked_at: str, question: Question) -> str:
    if question.low is None:
        return asked_at
    return clock.rfc3339(datetime.fromisoformat(asked_at) - _OVERLAP)


def _holders(inquiry: Inquiry, rows: list[StoredRow]) -> dict[Identity, Any]:
    """What DynamoDB has of `rows`."""
    asked = partial(inquiry.stores.dynamodb.copies, [(row.source, row.id) for row in rows])
    found: dict[Identity, Any] = inquiry.ask({DYNAMODB: asked}).get(DYNAMODB, {})
    return found


def _members(row: StoredRow, holders: dict[Identity, Any], question: Question) -> dict[str, Any]:
    members = {
        "source": row.source,
        "id": row.id,
        "type": row.type,
        "subject": row.subject,
        "time": row.time,
        "received_at": row.received_at,
        "stored_at": row.stored_at,
        "stores": [POSTGRES, DYNAMODB] if (row.source, row.id) in holders else [POSTGRES],
        "event": None if row.event is None else Verbatim(row.event),
    }
    return {name: members[name] for name in question.fields}
