"""`GET /event`: one event, and where it has got to."""

import json
from collections.abc import Callable
from functools import partial
from typing import Any

from lambda_query.answers import Verbatim
from lambda_query.question import DYNAMODB, POSTGRES, Identity
from lambda_query.records import Stored
from lambda_query.stores import Inquiry
from pipeline.errors import StoreUnavailable


def find_event(inquiry: Inquiry, identity: Identity) -> dict[str, Any] | None:
    """The event of `identity` with its receipt; None where both stores answered and none has it.

    Raises StoreUnavailable where no store that answered has it: another may.
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
        "event": Verbatim(event.event),
        "receipt": {
            "received_at": event.received_at,
            "postgres": _entry(row),
            "dynamodb": {via: _entry(copy) for via, copy in ways.items()},
        },
        "complete": all(holder and holder.content_hash == event.content_hash for holder in holders),
        "conflict": any(copy.content_hash != event.content_hash for copy in copies),
    }


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
