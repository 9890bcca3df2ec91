"""The days of a list: which they are, and which of them have nothing in DynamoDB."""

from datetime import date, timedelta

from lambda_query.aws_calls import AT_ONCE
from lambda_query.budget import Budget
from lambda_query.dynamodb import DynamoDB
from lambda_query.question import Place, Question
from pipeline import clock
from pipeline.table import SHARDS, bucket_of_day

FIRST_DAY = date(2026, 11, 1)
"""A list without `from` begins here, or 31 days ago: no gateway has stamped an event before."""
_DEFAULT_DAYS = timedelta(days=31)
_PROBED_DAYS = 1


def days_of(question: Question) -> list[date]:
    """Every UTC day of `question`, in the list's order."""
    today = clock.now().date()
    first = _day(question.low) if question.low else min(FIRST_DAY, today - _DEFAULT_DAYS)
    last = min(_last_day(question.high), today + timedelta(days=1))
    days = [date.fromordinal(ordinal) for ordinal in range(first.toordinal(), last.toordinal() + 1)]
    return days[::-1] if question.descending else days


def skip_empty(store: DynamoDB, days: list[date], budget: Budget) -> list[date]:
    """`days` without the empty ones that it begins with, as far as one round of calls shows them."""
    stretches = [days[start : start + _PROBED_DAYS] for start in range(0, len(days), _PROBED_DAYS)][:AT_ONCE]
    occupied = store.any_in([buckets(stretch) for stretch in stretches], budget)
    if True not in occupied:
        return days[sum(map(len, stretches)) :]
    first = occupied.index(True)
    return days[first * _PROBED_DAYS + _quiet_days(store, stretches[first], budget) :]


def entrance(day: date, question: Question) -> Place:
    """The place between `day` and the one that the list has before it."""
    return Place(f"{day + timedelta(days=1) if question.descending else day}T00:00:00.000000Z")


def buckets(days: list[date]) -> list[str]:
    """The buckets of the index that hold `days`: SHARDS a day."""
    return [bucket_of_day(day.isoformat(), shard) for day in days for shard in range(SHARDS)]


def _quiet_days(store: DynamoDB, days: list[date], budget: Budget) -> int:
    """How many empty days `days` begins with, in which there is something: by halves."""
    if len(days) == 1:
        return 0
    half = len(days) // 2
    if store.any_in([buckets(days[:half])], budget)[0]:
        return _quiet_days(store, days[:half], budget)
    return half + _quiet_days(store, days[half:], budget)


def _day(place: Place) -> date:
    return date.fromisoformat(place.received_at[:10])


def _last_day(high: Place) -> date:
    """The last day with something before `high`, the place where a day begins being of the one before."""
    is_midnight = high == Place(f"{high.received_at[:10]}T00:00:00.000000Z")
    return _day(high) - timedelta(days=is_midnight)
