"""What a list reads of DynamoDB's index: no further than PostgreSQL's page goes, and little where much matches."""

import json
import re
from datetime import datetime, timedelta
from time import monotonic
from typing import Any
from urllib.parse import urlencode

import pytest

from lambda_query.app import App
from lambda_query.aws_calls import AwsCalls
from lambda_query.bounds import Budget, ScanBound
from lambda_query.index_scan import walk
from lambda_query.parameters import parse_list
from lambda_query.question import Position
from lambda_query.reading import WALK_CALLS
from pipeline.core.clock import rfc3339
from pipeline.core.table import SHARDS
from tests.support.querying import PAST, RANGE, Writers, get, seed

LAST_DAY = datetime.fromisoformat(RANGE["to"]) - timedelta(days=1)


class Sent:
    """The requests that were sent to DynamoDB."""

    def __init__(self) -> None:
        self.requests: list[dict[str, Any]] = []

    @property
    def days(self) -> list[str]:
        """The days of the index that were looked into."""
        return sorted(set(re.findall(r"(\d{4}-\d\d-\d\d)#\d\b", json.dumps(self.requests))))

    @property
    def limits(self) -> list[int]:
        """How many entries each Query of the index was to look at."""
        return [request["Limit"] for request in self.requests if "IndexName" in request]


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> Sent:
    seen = Sent()
    send = AwsCalls._at_once

    def noting(self: AwsCalls, operation: str, contents: list[bytes]) -> Any:
        seen.requests += map(json.loads, contents)
        return send(self, operation, contents)

    monkeypatch.setattr(AwsCalls, "_at_once", noting)
    return seen


@pytest.mark.parametrize("order", ["asc", "desc"])
async def test_it_ends_where_postgresqls_page_does(
    app: App, writers: Writers, source: str, sent: Sent, order: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lambda_query.index_scan.HEAD_START_S", 10)  # however busy the machine is
    first, step = (PAST, 1) if order == "asc" else (LAST_DAY, -1)
    rows = [seed(source, str(number), first + timedelta(step * number)) for number in range(4)]
    # DynamoDB has others' events on every day.
    days = [seed(f"{source}-other", str(number), PAST + timedelta(number)) for number in range(50)]
    await writers.store(rows, days)
    asked = {"source": source, "order": order, "limit": 2, **RANGE}
    status, page = await get(app, "/events", **asked)
    assert (status, page["partial"], [event["id"] for event in page["events"]]) == (200, False, ["0", "1"])
    assert set(sent.days) <= {row.received_at[:10] for row in rows[:3]}
    sent.requests.clear()
    await get(app, "/events", **asked | {"store": "dynamodb"})
    # Alone it goes as far as its bound, and ends the round that it has begun: a day's shards, or what is left of them.
    assert WALK_CALLS - SHARDS < len(sent.limits) < WALK_CALLS + SHARDS


@pytest.mark.parametrize("order", ["asc", "desc"])
async def test_it_ends_where_postgresql_goes_no_further_though_it_says_so_late(
    app: App, source: str, sent: Sent, order: str
) -> None:
    class Late(ScanBound):
        def end(self, wait_s: float = 0) -> Position | None:
            return None if wait_s else super().end()

    question = parse_list(urlencode({"source": source, "order": order, **RANGE}), b"k" * 32)
    bound = Position(rfc3339(PAST if order == "asc" else LAST_DAY), source, "1")
    reach = Late()
    reach.tell(bound)
    found = walk(app._stores.dynamodb, question, Budget(until=monotonic() + 60, calls=1000), reach)
    assert found.copies == []
    assert found.end is not None
    assert question.precedes(bound, found.end)
    assert len(sent.days) < 52


async def test_a_round_takes_more_than_the_one_before(app: App, writers: Writers, source: str, sent: Sent) -> None:
    others = [seed(source, f"{n:04}", PAST + timedelta(microseconds=n), type=f"{source}-{n % 2}") for n in range(800)]
    await writers.store([], others)
    asked = {"store": "dynamodb", "limit": 2, "from": rfc3339(PAST), "to": rfc3339(PAST + timedelta(milliseconds=1))}
    for type_, found in ((f"{source}-0", 2), (f"{source}-none", 0)):
        sent.requests.clear()
        _, page = await get(app, "/events", type=type_, **asked)
        assert len(page["events"]) == found
        if found:
            assert (len(sent.limits), max(sent.limits)) == (SHARDS, 11)
        else:
            assert [sent.limits[0], sent.limits[SHARDS], sent.limits[2 * SHARDS]] == [11, 44, 176]
