"""`GET /differences`: events that a store or a way lacks, or whose contents differ.

Both stores are read side by side in their common order. An event that is not whole at
one position is looked up by its identity before it is reported: it may have copies at other
places, or some that have come meanwhile.
"""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from time import monotonic
from typing import Any

from lambda_query import cursor
from lambda_query.page_merge import Merge
from lambda_query.question import DYNAMODB, POSTGRES, Position, Question
from lambda_query.reading import WALK_SHARE, read
from lambda_query.records import Listed
from lambda_query.stores import Inquiry
from pipeline.core.comparison import conflicting, first_place, is_doubtful, lacking
from pipeline.core.identity import Identity
from pipeline.core.ways import WAYS

PAGE_DIFFERENCES = 100
"""A page ends behind the batch of look-ups that brings it to so many."""
_LOOKED_UP = 50
_NAMES = {way.copy: f"{way.store}.{way.copy}" if way.copy else way.store for way in WAYS}
"""Where a receipt has null."""


def find_differences(inquiry: Inquiry, question: Question, key: bytes) -> dict[str, Any]:
    """One page of the differences in the range of `question`, oldest first.

    It ends where enough were found, or the time for reading is up. With one store alone
    only its own ways are compared. Raises StoreUnavailable.
    """
    differences: list[dict[str, Any]] = []
    reading_until = inquiry.began + inquiry.stores.timeout_s * WALK_SHARE

    def is_enough() -> bool:
        return len(differences) >= PAGE_DIFFERENCES or monotonic() > reading_until

    end: Position | None = question.low
    while end and not is_enough():
        merge = read(inquiry, question.after(end))
        end = merge.end
        for places in _batches(_doubtful(merge)):
            differences += _confirmed(inquiry, places)
            if is_enough():
                end = places[-1]
                break
    following = cursor.encode(end, question.scope, key) if end else None
    return {"differences": differences, "next": following} | inquiry.state


def _doubtful(merge: Merge) -> list[Position]:
    """The places of events that are not whole there, in order."""
    copies: dict[Position, list[Listed]] = {}
    for copy in (*merge.rows, *merge.items):
        copies.setdefault(copy.place, []).append(copy)
    return sorted(place for place, there in copies.items() if is_doubtful(there))


def _batches(places: list[Position]) -> Iterator[list[Position]]:
    return (places[start : start + _LOOKED_UP] for start in range(0, len(places), _LOOKED_UP))


def _confirmed(inquiry: Inquiry, places: list[Position]) -> Iterator[dict[str, Any]]:
    """The differences among the events at `places`, of those whose first doubtful place it is."""
    copies = _look_up(inquiry, {place.identity for place in places})
    known = {via for via in _NAMES if (DYNAMODB if via else POSTGRES) not in inquiry.failures}
    for place in places:
        found = copies.get(place.identity, [])
        if first_place(found, is_doubtful) != place.received_at:
            continue
        missing = [_NAMES[via] for via in lacking(found) if via in known]
        if missing or conflicting(found):
            yield _shown(place, missing, conflict=conflicting(found))


def _look_up(inquiry: Inquiry, identities: Iterable[Identity]) -> dict[Identity, list[Listed]]:
    stores, wanted = inquiry.stores, sorted(identities)
    questions: dict[str, Callable[[], Any]] = {
        POSTGRES: partial(stores.postgres.rows, wanted),
        DYNAMODB: partial(stores.dynamodb.copies, wanted),
    }
    answers = inquiry.ask({name: ask for name, ask in questions.items() if name not in inquiry.failures})
    copies: dict[Identity, list[Listed]] = {
        identity: list(items) for identity, items in answers.get(DYNAMODB, {}).items()
    }
    for identity, row in answers.get(POSTGRES, {}).items():
        copies.setdefault(identity, []).append(row)
    return copies


def _shown(place: Position, missing: list[str], *, conflict: bool) -> dict[str, Any]:
    return {
        "source": place.source,
        "id": place.id,
        "received_at": place.received_at,
        "missing": missing,
        "conflict": conflict,
    }
