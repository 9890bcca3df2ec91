"""`GET /stats`: how many events each store has, by type and by minute."""

from collections import Counter
from functools import partial
from typing import Any

from lambda_query.bounds import Budget
from lambda_query.dynamodb import DynamoDB
from lambda_query.index_scan import stretches
from lambda_query.postgres import Postgres
from lambda_query.question import DYNAMODB, POSTGRES, Question
from lambda_query.stores import Inquiry
from pipeline.core import faults
from pipeline.core.errors import InvalidParameters, StoreUnavailable
from pipeline.core.identity import Identity

_WALK_CALLS = 10_000
_WALK_SHARE = 0.8
"""Of a request's time. It ends a count before the calls do."""

Counts = Counter[tuple[str, str]]
"""Events by (minute, type)."""


def count_events(inquiry: Inquiry, question: Question) -> dict[str, Any]:
    """The counts of both stores in the range of `question`.

    Raises InvalidParameters where there is more than can be counted, StoreUnavailable where no store answered.
    """
    stores = inquiry.stores
    budget = Budget(until=inquiry.began + stores.timeout_s * _WALK_SHARE, calls=_WALK_CALLS)
    counts: dict[str, Counts] = inquiry.ask(
        {
            POSTGRES: partial(_in_postgres, stores.postgres, question),
            DYNAMODB: partial(_in_dynamodb, stores.dynamodb, question, budget),
        }
    )
    if not counts:
        raise StoreUnavailable("no store answered")
    span = {"from": question.low and question.low.received_at, "to": question.high.received_at}
    return span | {name: _shown(counts.get(name)) for name in question.stores} | inquiry.state


def _in_postgres(store: Postgres, question: Question) -> Counts:
    low = question.low.received_at if question.low else "-infinity"
    rows = store.counts(low, question.high.received_at)
    return Counter({(minute, type_): events for minute, type_, events in rows})


def _in_dynamodb(store: DynamoDB, question: Question, budget: Budget) -> Counts:
    """An event whose copies differ in time counts at the first of them in the range."""
    counts: Counts = Counter()
    seen: set[Identity] = set()
    for stretch in stretches(store, question, budget):
        new = {copy.identity: copy for copy in reversed(stretch.copies) if copy.identity not in seen}
        counts.update((f"{copy.received_at[:16]}:00Z", copy.type) for copy in new.values())
        seen |= new.keys()
        if stretch.end and budget.spent:
            raise InvalidParameters({"from": faults.RANGE_TOO_FULL()})
    return counts


def _shown(counts: Counts | None) -> dict[str, Any] | None:
    if counts is None:
        return None
    by_type: Counter[str] = Counter()
    by_minute: Counter[str] = Counter()
    for (minute, type_), events in counts.items():
        by_type[type_] += events
        by_minute[minute] += events
    return {
        "total": by_type.total(),
        "by_type": dict(sorted(by_type.items())),
        "by_minute": dict(sorted(by_minute.items())),
    }
