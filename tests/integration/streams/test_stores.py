"""Both stores on their real servers: any order and any number of repeats gives the same rows."""

import json
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg2
import pytest
from prometheus_client import CollectorRegistry

from infra import template
from pipeline.clients.aws import client
from pipeline.core.errors import Rejected, StoreUnavailable
from pipeline.core.settings.process import TraceSettings
from pipeline.core.ways import Via
from pipeline.events.delivery import Arrival, Delivery
from pipeline.events.event import parse
from pipeline.events.metadata import Metadata
from pipeline.telemetry.metrics import WayMetrics
from pipeline.telemetry.tracing import Tracing
from streams.dynamodb import DynamoStore
from streams.intake import Intake, Interrupted
from streams.postgres import PostgresStore
from streams.store import Store
from tests.support.proxies.aws import AwsProxy
from tests.support.storing import store_all
from tests.support.waiting import until

RECEIVED_AT = "2026-11-23T15:24:00.123456Z"


def arrival(source: str, id_: str, data: Any = None, *, via: Via = "sqs", **attributes: Any) -> Arrival:
    event = {"specversion": "1.0", "id": id_, "source": source, "type": "test", "data": data} | attributes
    origin = {"queue": "events-b", "message_id": id_}
    return Arrival(json.dumps(event).encode(), via, origin, first_seen=RECEIVED_AT, metadata=Metadata(RECEIVED_AT))


def delivery(source: str, id_: str, data: Any = None, **changes: Any) -> Delivery:
    arrived = arrival(source, id_, data, **changes)
    return Delivery(parse(arrived.body), arrived)


def ids(deliveries: list[Delivery]) -> list[str]:
    return sorted(each.event.id for each in deliveries)


@pytest.fixture
async def postgres(system: Any) -> AsyncIterator[PostgresStore]:
    store = PostgresStore(system.endpoints["postgres"], connections=2, timeout_s=5)
    yield store
    await store.close()


@pytest.fixture
async def dynamodb(aws: dict[str, str]) -> AsyncIterator[DynamoStore]:
    store = DynamoStore(aws["table"], calls=4)
    yield store
    await store.close()


async def items_of(source: str, id_: str, table: str) -> list[dict[str, Any]]:
    async with client("dynamodb") as dynamodb:
        answer = await dynamodb.query(
            TableName=table,
            KeyConditionExpression="#identity = :identity",
            ExpressionAttributeNames={"#identity": "identity"},
            ExpressionAttributeValues={":identity": {"S": f"{source}\n{id_}"}},
            ConsistentRead=True,
        )
        items: list[dict[str, Any]] = answer["Items"]
        return items


async def test_postgres_keeps_the_first_content(postgres: PostgresStore, source: str) -> None:
    first = await postgres.store([delivery(source, "a", 1), delivery(source, "b", 1)])
    assert (ids(first.new), ids(first.repeated), ids(first.conflicting)) == (["a", "b"], [], [])
    second = await postgres.store([delivery(source, "b", 1), delivery(source, "a", 2), delivery(source, "c", 3)])
    assert (ids(second.new), ids(second.repeated), ids(second.conflicting)) == (["c"], ["b"], ["a"])


@pytest.mark.parametrize("text", ["a\nb", "'; drop table events; --", "%(rows)s %s %%", "\\", "olá 🦀"])
async def test_postgres_takes_any_text_as_data(postgres: PostgresStore, source: str, text: str) -> None:
    event = {"specversion": "1.0", "id": "a", "source": source, "type": "test", "data": text}
    body = json.dumps(event, indent=2, ensure_ascii=False).encode()
    arrived = Arrival(body, "sqs", {}, first_seen=RECEIVED_AT)
    for expected in (("new", "a"), ("repeated", "a")):
        stored = await postgres.store([Delivery(parse(body), arrived)])
        assert [(name, ids(getattr(stored, name))) for name in ("new", "repeated") if getattr(stored, name)] == [
            (expected[0], [expected[1]])
        ]


@pytest.mark.parametrize(
    "attributes",
    [
        {"time": "2026-11-23T15:24:00+20:00"},
        {"time": "2026-11-23T15:24:00." + "1" * 200 + "Z"},
        {"time": "0001-01-01T00:00:00Z"},
        {"time": "2016-12-31T23:59:60Z"},
        {"type": "é" * 512, "subject": "é" * 512},
        {"data": 1e308},
        {"data": int("9" * 900)},
        {"data": "x" * 260_000},
    ],
    ids=lambda attributes: str(attributes)[:40],
)
async def test_both_stores_take_whatever_the_gateway_accepts(
    postgres: PostgresStore, dynamodb: DynamoStore, source: str, attributes: dict[str, Any]
) -> None:
    event = delivery(source, "a", **attributes)
    assert ids((await postgres.store([event])).new) == ["a"]
    assert ids((await dynamodb.store([event])).new) == ["a"]


@pytest.mark.parametrize("statement", sorted((Path("streams") / "sql").glob("*.sql")), ids=lambda path: path.stem)
def test_no_parameter_stands_in_a_comment(statement: Path) -> None:
    comments = [line for line in statement.read_text().splitlines() if line.lstrip().startswith("--")]
    assert not [line for line in comments if "%(" in line]


async def test_postgres_sorts_out_repeats_within_a_batch(postgres: PostgresStore, source: str) -> None:
    stored = await postgres.store([delivery(source, "a", 1), delivery(source, "a", 1), delivery(source, "a", 2)])
    assert (len(stored.new), len(stored.repeated), len(stored.conflicting)) == (1, 1, 1)
    assert stored.new[0].event.content["data"] == 1


@pytest.fixture
def own_database(system: Any) -> Iterator[str]:
    """The URL of a database of its own with the table of events."""
    url = urlsplit(system.endpoints["postgres"])
    name = f"own_{uuid.uuid4().hex}"
    own = urlunsplit(url._replace(path=f"/{name}"))
    run(system.endpoints["postgres"], f"create database {name}")
    for migration in sorted(Path("migrations").glob("*.sql")):
        run(own, migration.read_text().partition("-- migrate:down")[0])
    yield own
    run(system.endpoints["postgres"], f"drop database {name} with (force)")


@pytest.fixture
async def strict(own_database: str) -> AsyncIterator[PostgresStore]:
    """A store whose table refuses one type, as no valid event is refused otherwise."""
    run(own_database, "alter table events add check (type <> 'refused')")
    store = PostgresStore(own_database, connections=1, timeout_s=5)
    yield store
    await store.close()


def run(url: str, statement: str) -> None:
    connection = psycopg2.connect(url)
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute(statement)
    connection.close()


async def test_one_row_that_postgres_refuses_leaves_the_others(strict: PostgresStore, source: str) -> None:
    letters: list[bytes] = []

    async def write(envelope: bytes) -> None:
        letters.append(envelope)

    intake = Intake(
        "service-b",
        strict,
        write,
        WayMetrics(CollectorRegistry(), "postgres", ("sqs",)),
        Tracing("service-b", TraceSettings()),
        timeout_s=10,
    )
    batch = [arrival(source, str(number)) for number in range(20)]
    batch.insert(7, arrival(source, "bad", type="refused"))
    await intake.settle(batch, lambda: False)
    again = await strict.store([delivery(source, str(number)) for number in range(20)])
    assert (len(again.new), len(again.repeated)) == (0, 20)
    assert [json.loads(letter)["reason"] for letter in letters] == ["rejected"]


async def refuses(url: str, source: str) -> str:
    """What a store that can't store now says; a statement may take a second."""
    store = PostgresStore(url, connections=1, timeout_s=1)
    try:
        with pytest.raises(StoreUnavailable) as refused:
            await store.store([delivery(source, "a")])
        return str(refused.value)
    finally:
        await store.close()


async def test_what_a_database_can_not_do_now_is_an_outage(own_database: str, source: str) -> None:
    run(own_database, "create role limited login password 'limited' connection limit 0")
    limited = urlsplit(own_database)
    as_limited = urlunsplit(limited._replace(netloc=f"limited:limited@{limited.hostname}:{limited.port}"))
    try:
        assert "too many connections" in await refuses(as_limited, source)
        assert "password" in await refuses(as_limited.replace("limited:limited", "limited:wrong"), source)
    finally:
        run(own_database, "drop role limited")
    run(own_database, f"alter database {limited.path[1:]} set default_transaction_read_only = on")
    assert "25006" in await refuses(own_database, source)


async def test_a_full_disk_is_an_outage(own_database: str, source: str) -> None:
    run(own_database, _DISK_FULL)  # the server's own error, without filling a disk
    assert "53100" in await refuses(own_database, source)


async def test_a_statement_that_the_server_cancels_is_an_outage(own_database: str, source: str) -> None:
    connection = psycopg2.connect(own_database)
    try:
        with connection.cursor() as cursor:
            cursor.execute("lock table events")
            assert "postgres" in await refuses(own_database, source)
    finally:
        connection.close()


async def test_a_connection_that_the_server_ends_is_replaced(own_database: str, source: str) -> None:
    store = PostgresStore(own_database, connections=1, timeout_s=5)
    try:
        await store.store([delivery(source, "a")])
        run(own_database, "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'service-b'")
        await until(lambda: stores(store, delivery(source, "b")), within_s=5)
    finally:
        await store.close()


async def stores(store: Store, *deliveries: Delivery) -> bool:
    try:
        await store_all(store, deliveries)
    except StoreUnavailable:
        return False
    return True


_DISK_FULL = """
create function refuse() returns trigger language plpgsql as
    $$ begin raise exception 'could not extend file: No space left on device' using errcode = '53100'; end $$;
create trigger full_disk before insert on events execute function refuse();
"""


async def test_a_postgres_that_is_away_is_an_outage(source: str) -> None:
    away = PostgresStore("postgresql://nobody@127.0.0.1:1/none", connections=1, timeout_s=2)
    with pytest.raises(StoreUnavailable):
        await away.store([delivery(source, "a")])
    intake = Intake(
        "service-b",
        away,
        _no_letters,
        WayMetrics(CollectorRegistry(), "postgres", ("sqs",)),
        Tracing("service-b", TraceSettings()),
        timeout_s=5,
    )
    with pytest.raises(Interrupted):
        await intake.settle([arrival(source, "a")], lambda: True)


async def test_dynamodb_keeps_one_item_an_event_way_and_content(
    dynamodb: DynamoStore, source: str, aws: dict[str, str]
) -> None:
    for _ in range(2):
        await dynamodb.store(
            [delivery(source, "a", 1), delivery(source, "a", 1, via="kafka"), delivery(source, "a", 2)]
        )
    items = await items_of(source, "a", aws["table"])
    assert [item["via"]["S"] for item in items] == ["kafka", "sqs", "sqs"]
    assert {json.loads(item["event"]["S"])["data"] for item in items} == {1, 2}
    assert {item["received_at"]["S"] for item in items} == {RECEIVED_AT}


async def test_an_item_expires_when_its_retention_ends(aws: dict[str, str], source: str) -> None:
    store = DynamoStore(aws["table"], calls=1, retention_days=30)
    try:
        await store.store([delivery(source, "a")])
    finally:
        await store.close()
    (item,) = await items_of(source, "a", aws["table"])
    assert int(item["expires_at"]["N"]) == int(datetime(2026, 12, 23, 15, 24, tzinfo=UTC).timestamp())


async def test_a_batch_of_more_than_one_call_holds_is_stored_in_several(
    dynamodb: DynamoStore, source: str, aws: dict[str, str]
) -> None:
    metrics = WayMetrics(CollectorRegistry(), "dynamodb", ("sqs",))
    intake = Intake("service-c", dynamodb, _no_letters, metrics, Tracing("service-c", TraceSettings()), timeout_s=20)
    await intake.settle([arrival(source, str(number), "x" * 3000) for number in range(120)], lambda: False)
    assert metrics.stored["sqs", "stored"].value == 120
    for id_ in ("0", "25", "119"):
        assert len(await items_of(source, id_, aws["table"])) == 1


async def test_what_dynamodb_leaves_out_is_sent_again_and_told(
    aws: dict[str, str], source: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    metrics = WayMetrics(CollectorRegistry(), "dynamodb", ("sqs",))
    async with AwsProxy(aws["dynamodb"]).serving() as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", proxy.url)
        store = DynamoStore(aws["table"], calls=1)
        tracing = Tracing("service-c", TraceSettings())
        intake = Intake("service-c", store, _no_letters, metrics, tracing, timeout_s=20)
        proxy.break_as("part", share=0.5)
        try:
            await intake.settle([arrival(source, str(number)) for number in range(25)], lambda: False)
        finally:
            await store.close()
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", aws["dynamodb"])
    assert [len(await items_of(source, str(number), aws["table"])) for number in range(25)] == [1] * 25
    assert metrics.stored["sqs", "stored"].value == 25
    assert metrics._retries["UnprocessedItems"].value > 0
    assert not [name for name, each in metrics._retries.items() if each.value and name != "UnprocessedItems"]


async def test_dynamodb_takes_a_call_of_large_events(dynamodb: DynamoStore, source: str, aws: dict[str, str]) -> None:
    await dynamodb.store([delivery(source, str(number), "x" * 250_000) for number in range(25)])
    assert len(await items_of(source, "24", aws["table"])) == 1


async def test_an_item_that_dynamodb_refuses_is_rejected(dynamodb: DynamoStore, source: str) -> None:
    with pytest.raises(Rejected):
        await dynamodb.store([delivery(source, "a", "x" * 420_000)])


async def test_asking_dynamodb_whether_it_answers_costs_the_same_however_much_it_holds(
    empty_table: str, source: str
) -> None:
    """Some servers of its API count every item to describe a table."""
    store = DynamoStore(empty_table, calls=4)
    try:
        empty_s = await least_s(store.ping)
        many = [delivery(source, str(number)) for number in range(10_000)]
        await until(lambda: stores(store, *many), within_s=60)
        assert await least_s(store.ping) < 2.5 * empty_s
    finally:
        await store.close()


async def least_s(call: Callable[[], Awaitable[None]]) -> float:
    """The least of what some calls take."""
    took = []
    for _ in range(15):
        begun = time.perf_counter()
        await call()
        took.append(time.perf_counter() - begun)
    return min(took)


@pytest.fixture
async def empty_table(aws: dict[str, str]) -> AsyncIterator[str]:
    name = f"events-{uuid.uuid4()}"
    async with client("dynamodb") as dynamodb:
        await dynamodb.create_table(**template.table() | {"TableName": name})
        await dynamodb.get_waiter("table_exists").wait(TableName=name, WaiterConfig={"Delay": 1})
        yield name
        await dynamodb.delete_table(TableName=name)


async def test_a_table_that_is_missing_is_an_outage(aws: dict[str, str], source: str) -> None:
    missing = DynamoStore("no-such-table", calls=1)
    try:
        with pytest.raises(StoreUnavailable):
            await missing.ping()
        with pytest.raises(StoreUnavailable):
            await missing.store([delivery(source, "a")])
    finally:
        await missing.close()


async def _no_letters(_envelope: Any) -> None:
    pytest.fail("an outage makes no dead letter")
