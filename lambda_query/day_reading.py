"""One day of a list in DynamoDB's index `by_time`, all its shards at once."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

from lambda_query.days import buckets
from lambda_query.dynamodb import DynamoDB
from lambda_query.question import Place, Question
from pipeline import clock
from pipeline.table import BUCKET, BY_TIME, IDENTITY, POSITION, SHARDS, position_key

_RECEIVED_AT = "received_at"


class DayReading:
    """One UTC day: a page of each shard a round, merged as far as all the shards have come."""

    def __init__(self, store: DynamoDB, question: Question, day: date) -> None:
        self._store = store
        self._question = question
        self._open: dict[str, dict[str, Any]] = {bucket: _request(question, bucket) for bucket in buckets([day])}
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


def _place(item: dict[str, Any]) -> Place:
    source, id_ = item[IDENTITY]["S"].split("\n")
    return Place(item[_RECEIVED_AT]["S"], source, id_)


def _next_microsecond(moment: str) -> str:
    return clock.rfc3339(datetime.fromisoformat(moment).astimezone(UTC) + timedelta(microseconds=1))
