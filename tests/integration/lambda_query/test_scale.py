"""The query over many events: what it reads, and that its pages lose and double none while more arrive.

With --long: 1,000,000 rows, 200,000 items, 200 events a second arriving.
"""

import asyncio
import io
import itertools
import json
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg2
import pytest

from lambda_query import postgres
from lambda_query.app import App, create_app
from lambda_query.aws_calls import AT_ONCE, AwsCalls
from lambda_query.parameters import parse_list
from lambda_query.postgres_connection import connect
from lambda_query.reading import WALK_CALLS
from pipeline.core.clock import rfc3339
from pipeline.core.table import SHARDS
from tests.support.querying import Seed, Writers, get, reading_url, seed, settings
from tests.support.running_system import System

BEGIN = datetime(2017, 1, 1, tzinfo=UTC)
SPAN = timedelta(hours=23)
DAY = {"from": "2017-01-01T00:00:00Z", "to": "2017-01-02T00:00:00Z"}
SOURCE = "urn:test:scale"
ARRIVING_PER_S = 200
MOST_AT_ONCE = 500
LIMIT = 50
pytestmark = pytest.mark.timeout(1500)  # with --long the first test waits for the seeding


@dataclass(frozen=True)
class Crowd:
    """How many rows PostgreSQL has, and of how many events DynamoDB has an item; a tenth of those PostgreSQL lacks."""

    rows: int
    items: int

    @property
    def events(self) -> int:
        return self.rows + self.items // 10

    def moment(self, number: int) -> datetime:
        return BEGIN + SPAN * (number / self.events)

    def event(self, number: int) -> Seed:
        kind: dict[str, Any] = {
            "type": f"type-{number % 7}",
            "subject": f"subject-{number % 5000}",
            "data": {"text": "x" * 200},
        }
        return seed(f"{SOURCE}:{number % 3}", f"{number:07}", self.moment(number), **kind)


@pytest.fixture(scope="module")
def crowd(system: System, scale: float) -> Iterator[Crowd]:
    crowd = Crowd(1_000_000, 200_000) if scale == 1 else Crowd(5_000, 1_000)
    endpoints = system.endpoints
    with pytest.MonkeyPatch.context() as environment, closing(psycopg2.connect(endpoints["postgres"])) as connection:
        environment.setenv("AWS_ENDPOINT_URL_DYNAMODB", endpoints["dynamodb"])
        environment.setenv("AWS_DEFAULT_REGION", endpoints["region"])
        environment.setenv("AWS_ACCESS_KEY_ID", endpoints["access_key"])
        environment.setenv("AWS_SECRET_ACCESS_KEY", endpoints["secret_key"])
        connection.autocommit = True
        # The last numbers are those that PostgreSQL lacks; items stand at every fifth place or so.
        every = crowd.events // crowd.items
        lacking = {number * every for number in range(0, crowd.items, 10)}
        _copy_rows(connection, crowd, (number for number in range(crowd.events) if number not in lacking))
        asyncio.run(_put_items(endpoints, crowd, range(0, crowd.items * every, every)))
        yield crowd
        with connection.cursor() as cursor:
            cursor.execute("delete from events where received_at < '2017-01-02'")


def _copy_rows(connection: Any, crowd: Crowd, numbers: Iterator[int]) -> None:
    columns = "source, id, type, subject, received_at, stored_at, origin, content_hash, event"
    with connection.cursor() as cursor:
        while some := list(itertools.islice(numbers, 10_000)):
            lines = io.StringIO("".join(_line(crowd, number) for number in some))
            cursor.copy_expert(f"copy events ({columns}) from stdin", lines)
        cursor.execute("analyze events")


def _line(crowd: Crowd, number: int) -> str:
    source, id_, type_, subject = f"{SOURCE}:{number % 3}", f"{number:07}", f"type-{number % 7}", number % 5000
    event = {"specversion": "1.0", "id": id_, "source": source, "type": type_, "data": {"text": "x" * 200}}
    received_at = rfc3339(crowd.moment(number))
    # Stored at as many moments as events are: an index whose first column has few values can be skipped through.
    moments = (received_at, received_at)
    values = (source, id_, type_, f"subject-{subject}", *moments, "{}", f"\\\\x{number:064x}", json.dumps(event))
    return "\t".join(values) + "\n"


async def _put_items(endpoints: dict[str, Any], crowd: Crowd, numbers: range) -> None:
    writers = Writers(endpoints)
    for start in range(0, len(numbers), 500):
        await writers.store([], [crowd.event(number) for number in numbers[start : start + 500]])
    await writers.close()


FILTERS = {"type": "type-3", "source": f"{SOURCE}:1", "subject": "subject-17", "id": "0000017"}
COMBINATIONS = [dict(some) for count in range(5) for some in itertools.combinations(FILTERS.items(), count)]


@pytest.mark.parametrize("order", ["desc", "asc"])
@pytest.mark.parametrize("filters", COMBINATIONS, ids=lambda filters: "+".join(filters) or "none")
def test_a_page_is_a_range_read_of_postgresql(
    system: System, crowd: Crowd, order: str, filters: dict[str, str]
) -> None:
    raw = "&".join(f"{name}={value}" for name, value in {**DAY, **filters, "order": order, "limit": LIMIT}.items())
    question = parse_list(raw, b"k" * 32)
    statement = postgres.NEWEST_FIRST if question.descending else postgres.OLDEST_FIRST
    connection = connect(reading_url(system), 30)
    explained = f"explain (analyze, format json) {statement.text}"
    values = statement.parameters(postgres.page_values(question))
    [[found]] = connection.execute_unnamed(explained, values, oids=()).rows
    connection.close()
    nodes = list(_nodes((json.loads(found) if isinstance(found, str) else found)[0]["Plan"]))
    reading = [node for node in nodes if node.get("Relation Name") == "events"]
    assert {node["Node Type"] for node in reading} <= {"Index Scan", "Index Only Scan"}, reading
    sorting = [node for node in nodes if "Sort" in node["Node Type"]]
    assert not any(below in reading for node in sorting for below in _nodes(node)), [
        (node["Node Type"], node.get("Index Name")) for node in nodes
    ]
    read = sum(node["Actual Rows"] + node.get("Rows Removed by Filter", 0) for node in reading)
    # A type that every seventh event has is as well read by time.
    bounds = (LIMIT + 2, 10 * LIMIT, postgres.MOST_ROWS)
    assert read <= bounds[min(len(filters), 2)]


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", []):
        yield from _nodes(child)


@pytest.mark.parametrize("filters", COMBINATIONS, ids=lambda filters: "+".join(filters) or "none")
async def test_a_page_takes_a_bounded_number_of_calls_of_dynamodb(
    app: App, crowd: Crowd, filters: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []
    whole = AwsCalls._at_once

    def counted(self: AwsCalls, operation: str, contents: list[bytes]) -> Any:
        calls.extend([operation] * len(contents))
        return whole(self, operation, contents)

    monkeypatch.setattr(AwsCalls, "_at_once", counted)
    for store in ("both", "dynamodb"):
        calls.clear()
        status, page = await get(app, "/events", store=store, limit=LIMIT, **filters, **DAY)
        assert (status, page["partial"]) == (200, False)
        look_ups = 2 * (LIMIT + 1)
        assert len(calls) <= WALK_CALLS + SHARDS + AT_ONCE + look_ups + 2
        if not filters:
            assert len(calls) <= SHARDS * 2 + look_ups + 3  # one for the days


async def test_pages_walk_through_everything_exactly_once_while_events_arrive(
    aws: dict[str, str], system: System, crowd: Crowd, record_property: Callable[[str, object], None]
) -> None:
    app = create_app(settings(aws, query_postgres_url=reading_url(system), store_timeout_s=20.0))
    arriving = asyncio.create_task(_arrive(aws))
    seen: dict[str, int] = {}
    cursor, pages, begun = None, 0, time.monotonic()
    while pages == 0 or cursor:
        asked = {"order": "asc", "limit": 200, "fields": "id", "cursor": cursor, **DAY}
        status, page = await get(app, "/events", **asked)
        assert (status, page["partial"]) == (200, False), page
        for event in page["events"]:
            seen[event["id"]] = seen.get(event["id"], 0) + 1
        cursor, pages = page["next"], pages + 1
    elapsed = time.monotonic() - begun
    arriving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await arriving
    app.close()
    arrived = sum(not id_.isdigit() for id_ in seen)
    figures = {
        "events": len(seen),
        "pages": pages,
        "seconds": round(elapsed),
        "arrived_per_s": round(arrived / elapsed),
    }
    for name, figure in figures.items():
        record_property(name, figure)
    assert set(seen.values()) == {1}
    assert {id_ for id_ in seen if id_.isdigit()} == {f"{number:07}" for number in range(crowd.events)}
    assert arrived > 0


async def _arrive(endpoints: dict[str, str]) -> None:
    """ARRIVING_PER_S events a second into both stores, behind those that are there, until it is cancelled."""
    writers = Writers(endpoints)
    begun, arrived = time.monotonic(), 0
    try:
        while True:
            due = int((time.monotonic() - begun) * ARRIVING_PER_S)  # what a slow write has delayed comes with the next
            some = [_arrival(number) for number in range(arrived, min(due, arrived + MOST_AT_ONCE))]
            if some:
                await writers.store(some, some)
            arrived += len(some)
            await asyncio.sleep(0.1 if arrived == due else 0)
    finally:
        await writers.close()


def _arrival(number: int) -> Seed:
    return seed(SOURCE, f"new-{number}", BEGIN + SPAN + timedelta(seconds=number / ARRIVING_PER_S))
