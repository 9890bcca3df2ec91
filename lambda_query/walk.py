"""A list's way through DynamoDB's index `by_time`: day after day, a day's shards at once.

A walk is bounded by calls and by time. Where it stops it says how far it came, and the
next page goes on from there: a list over quiet years takes several requests, and none
of them ends it wrongly.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from time import monotonic
from typing import Any

from lambda_query.dynamodb import CALLS, IN_VALUES, DynamoDB
from lambda_query.question import Place, Question
from pipeline import clock
from pipeline.table import BUCKET, BY_TIME, IDENTITY, POSITION, SHARDS, bucket_of_day, position_key

FIRST_DAY = date(2026, 11, 1)
"""A list without `from` begins here, or 31 days ago: no gateway has stamped an event before."""
_DEFAULT_DAYS = timedelta(days=31)
_PROBED_DAYS = IN_VALUES // SHARDS
_RECEIVED_AT = "received_at"


@dataclass
class Budget:
    """What one walk may use up: calls of DynamoDB, and time until `until` (monotonic seconds)."""

    until: float
    calls: int = 160

    @property
    def spent(self) -> bool:
        """Whether the walk is to stop at the next place where it can."""
        return self.calls <= 0 or monotonic() >= self.until


@dataclass(frozen=True)
class Walked:
    """The places at which an asked-for copy stands, in the list's order.

    All of them up to `end`, or to the list's end where `end` is None. An event whose
    copies differ in `received_at` stands at more than one.
    """

    places: list[Place]
    end: Place | None


def walk(store: DynamoDB, question: Question, budget: Budget) -> Walked:
    """The places of `limit` + 1 events of `question`, or of fewer where it has no more or `budget` is spent.

    Raises StoreUnavailable.
    """
    places: list[Place] = []
    days = _days(question)
    while days:
        reading = _DayReading(store, question, days.pop(0))
        while not reading.done:
            budget.calls -= reading.read()
            places += reading.take()
            if enough := _first_events(places, question.limit + 1):
                return Walked(enough, enough[-1])
            if budget.spent and (end := reading.reached(places)):
                return Walked(places, end)
        if reading.empty:
            days = _skip_empty(store, days, budget)
        if days and budget.spent:
            return Walked(places, _entrance(days[0], question))
    return Walked(places, None)


class _DayReading:
    """One UTC day: a page of each shard a round, merged as far as all the shards have come."""

    def __init__(self, store: DynamoDB, question: Question, day: date) -> None:
        self._store = store
        self._question = question
        self._open: dict[str, dict[str, Any]] = {bucket: _request(question, bucket) for bucket in _buckets([day])}
        self._waiting: list[tuple[str, Place]] = []
        self._frontier: str | None = None
        self.empty = True

    @property
    def done(self) -> bool:
        """Whether every shard was read to its end."""
        return not self._open

    def read(self) -> int:
        """Read one page more of each shard that has more; the number of calls."""
        pages = dict(zip(self._open, self._store.at_once(self._store.query, self._open.values()), strict=True))
        for bucket, page in pages.items():
            self._waiting += [(item[POSITION]["S"], _place(item)) for item in page["Items"]]
            self.empty = self.empty and not page["ScannedCount"]
            if last := page.get("LastEvaluatedKey"):
                self._open[bucket]["ExclusiveStartKey"] = last
            else:
                del self._open[bucket]
        reached = [request["ExclusiveStartKey"][POSITION]["S"] for request in self._open.values()]
        farthest_back = max if self._question.descending else min
        self._frontier = farthest_back(reached, default=None)
        return len(pages)

    def take(self) -> list[Place]:
        """The places before the frontier: at it, a copy of the same event may be still to come."""
        known = [place for position, place in self._waiting if self._is_behind(position)]
        self._waiting = [(position, place) for position, place in self._waiting if not self._is_behind(position)]
        return self._question.sort({place for place in known if self._question.holds(place)})

    def reached(self, places: list[Place]) -> Place | None:
        """How far the list is known, `places` being what was found; None where it is no way at all."""
        if self._frontier is None:
            return None
        moment = self._frontier[:27]
        end = Place(_next_microsecond(moment) if self._question.descending else moment)
        if places and self._question.precedes(end, places[-1]):
            end = places[-1]
        return end if self._question.holds(end) else None

    def _is_behind(self, position: str) -> bool:
        if self._frontier is None:
            return True
        return position > self._frontier if self._question.descending else position < self._frontier


def _request(question: Question, bucket: str) -> dict[str, Any]:
    names = {"#bucket": BUCKET, "#position": POSITION, "#identity": IDENTITY, "#received_at": _RECEIVED_AT}
    values = {
        ":bucket": bucket,
        ":low": position_key(*question.low) if question.low else "0",
        ":high": position_key(*question.high),
    }
    filters = [f"#{name} = :{name}" for name in question.filters]
    request: dict[str, Any] = {
        "IndexName": BY_TIME,
        "KeyConditionExpression": "#bucket = :bucket AND #position BETWEEN :low AND :high",
        "ProjectionExpression": "#identity, #position, #received_at",
        "ExpressionAttributeNames": names | {f"#{name}": name for name in question.filters},
        "ExpressionAttributeValues": {
            name: {"S": value}
            for name, value in (values | {f":{name}": value for name, value in question.filters.items()}).items()
        },
        "ScanIndexForward": not question.descending,
    }
    if filters:
        return request | {"FilterExpression": " AND ".join(filters)}
    # Two items an event, spread over the shards, and some more for those that got fewer.
    return request | {"Limit": (question.limit + 1) * 3 // SHARDS + 10}


def _days(question: Question) -> list[date]:
    today = clock.now().date()
    first = _day(question.low) if question.low else min(FIRST_DAY, today - _DEFAULT_DAYS)
    last = min(_day(question.high), today + timedelta(days=1))
    days = [date.fromordinal(ordinal) for ordinal in range(first.toordinal(), last.toordinal() + 1)]
    return days[::-1] if question.descending else days


def _skip_empty(store: DynamoDB, days: list[date], budget: Budget) -> list[date]:
    """`days` without the empty ones that it begins with, as far as one round of calls shows them."""
    stretches = [days[start : start + _PROBED_DAYS] for start in range(0, len(days), _PROBED_DAYS)][:CALLS]
    budget.calls -= len(stretches)
    occupied = store.at_once(store.any_in, map(_buckets, stretches))
    if True not in occupied:
        return days[sum(map(len, stretches)) :]
    first = occupied.index(True)
    return days[first * _PROBED_DAYS + _quiet_days(store, stretches[first], budget) :]


def _quiet_days(store: DynamoDB, days: list[date], budget: Budget) -> int:
    """How many empty days `days` begins with, in which there is something: by halves."""
    if len(days) == 1:
        return 0
    half = len(days) // 2
    budget.calls -= 1
    if store.any_in(_buckets(days[:half])):
        return _quiet_days(store, days[:half], budget)
    return half + _quiet_days(store, days[half:], budget)


def _first_events(places: list[Place], events: int) -> list[Place]:
    """The places up to that of the last of the first `events` events; none where there are fewer."""
    seen: set[tuple[str, str]] = set()
    for index, place in enumerate(places):
        seen.add(place.identity)
        if len(seen) == events:
            return places[: index + 1]
    return []


def _entrance(day: date, question: Question) -> Place:
    """The place between `day` and the one that the list has before it."""
    return Place(f"{day + timedelta(days=1) if question.descending else day}T00:00:00.000000Z")


def _buckets(days: list[date]) -> list[str]:
    return [bucket_of_day(day.isoformat(), shard) for day in days for shard in range(SHARDS)]


def _day(place: Place) -> date:
    return date.fromisoformat(place.received_at[:10])


def _place(item: dict[str, Any]) -> Place:
    source, id_ = item[IDENTITY]["S"].split("\n")
    return Place(item[_RECEIVED_AT]["S"], source, id_)


def _next_microsecond(moment: str) -> str:
    return clock.rfc3339(datetime.fromisoformat(moment).astimezone(UTC) + timedelta(microseconds=1))
