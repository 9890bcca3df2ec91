"""The days of a list that DynamoDB has events of."""

from datetime import date, timedelta

from lambda_query.dynamodb import DynamoDB
from lambda_query.question import Place, Question
from pipeline.core.table import SHARDS, bucket_of_day, day_of

_BEFORE_ALL = "0"


def days_of(store: DynamoDB, question: Question) -> list[date]:
    """The UTC days of `question` that have events, in the list's order. Raises StoreUnavailable."""
    first = day_of(question.low.received_at) if question.low else _BEFORE_ALL
    last = _last_day(question.high).isoformat()
    if first > last:
        return []
    days = [date.fromisoformat(day) for day in store.days(first, last)]
    return days[::-1] if question.descending else days


def entrance(day: date, question: Question) -> Place:
    """The place between `day` and the one that the list has before it."""
    return Place(f"{day + timedelta(days=1) if question.descending else day}T00:00:00.000000Z")


def buckets(days: list[date]) -> list[str]:
    """The buckets of the index that hold `days`: SHARDS a day."""
    return [bucket_of_day(day.isoformat(), shard) for day in days for shard in range(SHARDS)]


def _last_day(high: Place) -> date:
    """The last day with something before `high`, the place where a day begins being of the one before."""
    day = day_of(high.received_at)
    is_midnight = high == Place(f"{day}T00:00:00.000000Z")
    return date.fromisoformat(day) - timedelta(days=is_midnight)
