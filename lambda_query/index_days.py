"""The days of a list in DynamoDB's index `by_time`: which have events, and one of them, all its shards at once."""

from datetime import date, timedelta
from typing import Any

from lambda_query.dynamodb import LISTED, NAMES, DynamoDB, listed
from lambda_query.question import Position, Question, next_microsecond
from lambda_query.records import Listed
from pipeline.core.table import BUCKET, IDENTITY, POSITION, SHARDS, bucket_of_day, day_of, identity_key, position_key

MOST_ENTRIES = 1000
"""Of one call: more would be up to 1 MB, in which no deadline could be kept."""
_GROWTH = 4
"""A page is so many times as long as the one before: a filter may match each entry, or none of thousands."""
_BEFORE_ALL = "0"


def days_of(store: DynamoDB, question: Question) -> list[date]:
    """The UTC days of `question` that have events, in the list's order. Raises StoreUnavailable."""
    first = day_of(question.low.received_at) if question.low else _BEFORE_ALL
    last = _last_day(question.high).isoformat()
    if first > last:
        return []
    days = [date.fromisoformat(day) for day in store.days(first, last)]
    return days[::-1] if question.descending else days


def entrance(day: date, question: Question) -> Position:
    """The place between `day` and the one that the list has before it."""
    return Position(f"{day + timedelta(days=1) if question.descending else day}T00:00:00.000000Z")


def buckets(days: list[date]) -> list[str]:
    """The buckets of the index that hold `days`: SHARDS a day."""
    return [bucket_of_day(day.isoformat(), shard) for day in days for shard in range(SHARDS)]


class DayReading:
    """One UTC day: a page of each shard a round, merged as far as all the shards have come."""

    def __init__(self, store: DynamoDB, question: Question, day: date) -> None:
        self._store = store
        self._question = question
        self._unread: dict[str, dict[str, Any]] = {bucket: _request(question, bucket) for bucket in buckets([day])}
        self._waiting: list[tuple[str, Listed]] = []
        self._frontier: str | None = None

    @property
    def done(self) -> bool:
        """Whether every shard was read to its end."""
        return not self._unread

    def read(self) -> int:
        """Read one page more of each shard that has more; the number of calls."""
        pages = dict(zip(self._unread, self._store.read_index(self._unread.values()), strict=True))
        for bucket, page in pages.items():
            self._waiting += [(item[POSITION]["S"], listed(item)) for item in page["Items"]]
            if last := page.get("LastEvaluatedKey"):
                longer = min(_GROWTH * self._unread[bucket]["Limit"], MOST_ENTRIES)
                self._unread[bucket] |= {"ExclusiveStartKey": last, "Limit": longer}
            else:
                del self._unread[bucket]
        reached = [request["ExclusiveStartKey"][POSITION]["S"] for request in self._unread.values()]
        farthest_back = max if self._question.descending else min
        self._frontier = farthest_back(reached, default=None)
        return len(pages)

    def take(self) -> list[Listed]:
        """The copies before the frontier, in the list's order: at it, a copy of the same event may be still to come."""
        known = [copy for position, copy in self._waiting if self._is_behind(position)]
        self._waiting = [(position, copy) for position, copy in self._waiting if not self._is_behind(position)]
        wanted = self._question.id
        exact = (copy for copy in known if wanted in {None, copy.place.id})
        inside = [copy for copy in exact if self._question.holds(copy.place)]
        return sorted(inside, key=lambda copy: copy.rank, reverse=self._question.descending)

    def reached(self, last: Position | None) -> Position | None:
        """How far the list is known, `last` being the last place found; None where it is no way at all."""
        if self._frontier is None:
            return None
        moment = self._frontier[:27]
        end = Position(next_microsecond(moment) if self._question.descending else moment)
        if last and self._question.precedes(end, last):
            end = last
        return end if self._question.holds(end) else None

    def _is_behind(self, position: str) -> bool:
        if self._frontier is None:
            return True
        return position > self._frontier if self._question.descending else position < self._frontier


def _request(question: Question, bucket: str) -> dict[str, Any]:
    """The first Query call of a bucket."""
    values = {
        ":bucket": bucket,
        ":low": position_key(*question.low) if question.low else "0",
        ":high": position_key(*question.high),
    }
    filters, wanted = _filters(question)
    request: dict[str, Any] = {
        "KeyConditionExpression": "#bucket = :bucket AND #position BETWEEN :low AND :high",
        "ProjectionExpression": f"#position, {LISTED}",
        "ExpressionAttributeNames": {"#bucket": BUCKET, "#position": POSITION, **NAMES},
        "ExpressionAttributeValues": {name: {"S": value} for name, value in (values | wanted).items()},
        "ScanIndexForward": not question.descending,
    }
    # Two items an event, spread over the shards, and some more for those that got fewer.
    request["Limit"] = min((question.limit + 1) * 3 // SHARDS + 10, MOST_ENTRIES)
    return request | {"FilterExpression": " AND ".join(filters)} if filters else request


def _filters(question: Question) -> tuple[list[str], dict[str, str]]:
    """Conditions on what the index holds, and their values.

    A source begins the identity. An id ends it, which no condition can say: those that only begin with it are
    left out once they are here.
    """
    wanted = dict(question.filters)
    conditions, values = [], {}
    if source := wanted.pop("source", None):
        conditions.append(f"begins_with(#{IDENTITY}, :source)")
        values[":source"] = identity_key(source, "")
    if id_ := wanted.pop("id", None):
        conditions.append(f"contains(#{IDENTITY}, :id)")
        values[":id"] = identity_key("", id_)
    conditions += [f"#{name} = :{name}" for name in wanted]
    return conditions, values | {f":{name}": value for name, value in wanted.items()}


def _last_day(high: Position) -> date:
    """The last day with something before `high`, the place where a day begins being of the one before."""
    day = day_of(high.received_at)
    is_midnight = high == Position(f"{day}T00:00:00.000000Z")
    return date.fromisoformat(day) - timedelta(days=is_midnight)
