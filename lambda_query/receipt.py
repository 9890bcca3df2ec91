"""`GET /event`: one event, and where it has got to."""

import json
from collections.abc import Callable
from functools import partial
from typing import Any

from lambda_query.answers import Verbatim, dumps
from lambda_query.question import DYNAMODB, MAX_BYTES, POSTGRES
from lambda_query.records import Stored
from lambda_query.stores import Inquiry
from pipeline.core.errors import MensageriaError, StoreUnavailable
from pipeline.core.identity import Identity


class AnswerTooLarge(MensageriaError):
    """An event that no answer can hold: the text says where it is."""


def find_event(inquiry: Inquiry, identity: Identity) -> dict[str, Any] | None:
    """The event of `identity` with its receipt; None where both stores answered and none has it.

    Raises StoreUnavailable where no store that answered has it: another may. Raises AnswerTooLarge.
    """
    stores = inquiry.stores
    questions: dict[str, Callable[[], Any]] = {
        POSTGRES: partial(stores.postgres.find, identity),
        DYNAMODB: partial(stores.dynamodb.find, identity),
    }
    answers = inquiry.ask(questions)
    row: Stored | None = answers.get(POSTGRES)
    copies: list[Stored] = answers.get(DYNAMODB, [])
    if row or copies:
        return _document(identity, row, copies) | inquiry.state
    if inquiry.failures:
        raise StoreUnavailable("the stores that answered do not have the event")
    return None


def _document(identity: Identity, row: Stored | None, copies: list[Stored]) -> dict[str, Any]:
    source, id_ = identity
    event = row or copies[0]
    ways = {via: _copy_by(via, copies, event.content_hash) for via in ("sqs", "kafka")}
    holders = [row, *ways.values()]
    return {
        "source": source,
        "id": id_,
        "event": Verbatim(_content(event, copies)),
        "receipt": {
            "received_at": event.received_at,
            "postgres": _entry(row),
            "dynamodb": {via: _entry(copy) for via, copy in ways.items()},
        },
        "complete": all(holder and holder.content_hash == event.content_hash for holder in holders),
        "conflict": any(copy.content_hash != event.content_hash for copy in copies),
    }


def _content(event: Stored, copies: list[Stored]) -> str:
    """The content of `event`: a row from before its text was kept may be too large, and a copy of it is not."""
    holders = [event, *(copy for copy in copies if copy.content_hash == event.content_hash)]
    fitting = (copy.event for copy in holders if copy.event and len(dumps(copy.event).encode()) <= MAX_BYTES)
    if content := next(fitting, None):
        return content
    raise AnswerTooLarge(
        f"as PostgreSQL writes it, the event has more than {MAX_BYTES:,} bytes, which no answer holds: "
        "read the column `event` there; GET /events shows the rest of it"
    )


def _copy_by(via: str, copies: list[Stored], content_hash: str) -> Stored | None:
    """The copy that came by `via`: the one of this content where there is one."""
    came = [copy for copy in copies if copy.via == via]
    same = [copy for copy in came if copy.content_hash == content_hash]
    return next(iter(same + came), None)


def _entry(stored: Stored | None) -> dict[str, Any] | None:
    if not stored:
        return None
    return {"stored_at": stored.stored_at, "via": stored.via, "origin": _origin(stored)}


def _origin(stored: Stored) -> dict[str, Any]:
    """Where the copy came from, and the place in a trace that it came with."""
    origin: dict[str, Any] = json.loads(stored.origin)
    return origin | ({"traceparent": stored.traceparent} if stored.traceparent else {})
