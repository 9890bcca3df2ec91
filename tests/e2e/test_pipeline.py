"""The system at its public edges: what is accepted is stored once, by every way."""

import asyncio
import os
import signal
import uuid
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import aioboto3
import httpx
import psycopg2
import pytest
from aiohttp import ClientSession, ClientTimeout

from stack.http_client import http_client
from tests.support.waiting import until

CONNECTIONS = 32
WAYS = ("kafka", "sqs")
STRUCTURED = {"content-type": "application/cloudevents+json"}


@pytest.fixture
async def gateway(system: Any) -> AsyncIterator[httpx.AsyncClient]:
    async with http_client(base_url=system.endpoints["gateway"], timeout=30) as client:
        yield client


@pytest.fixture
async def query(system: Any) -> AsyncIterator[httpx.AsyncClient]:
    async with http_client(base_url=system.endpoints["query"], timeout=30) as client:
        yield client


@pytest.fixture
def source() -> str:
    return f"urn:test:{uuid.uuid4()}"


async def publish(http: ClientSession, source: str, id_: str) -> None:
    """Send until it is accepted, as a client that was told that sending again is safe."""
    event = {"specversion": "1.0", "id": id_, "source": source, "type": "test.load", "data": {"number": id_}}
    async with asyncio.timeout(60):
        while True:
            async with http.post("/events", json=event, headers=STRUCTURED) as answer:
                if answer.status != 503:
                    assert answer.status == 202, await answer.text()
                    return
            await asyncio.sleep(float(answer.headers["retry-after"]))


async def publish_all(endpoints: dict[str, str], source: str, count: int) -> None:
    """By aiohttp: httpx takes more CPU for an event than the gateway."""
    numbers = iter(range(count))
    async with ClientSession(endpoints["gateway"], timeout=ClientTimeout(30)) as http:

        async def connection() -> None:
            for number in numbers:
                await publish(http, source, str(number))

        await asyncio.gather(*(connection() for _ in range(CONNECTIONS)))


def rows_of(endpoints: dict[str, str], source: str) -> Counter[str]:
    """Rows of each id in PostgreSQL."""
    connection = psycopg2.connect(endpoints["postgres"])
    try:
        with connection.cursor() as cursor:
            cursor.execute("select id from events where source = %s", (source,))
            return Counter(id_ for (id_,) in cursor.fetchall())
    finally:
        connection.close()


def dynamodb(endpoints: dict[str, str]) -> Any:
    """A client of DynamoDB, to be entered."""
    session = aioboto3.Session(
        aws_access_key_id=endpoints["access_key"],
        aws_secret_access_key=endpoints["secret_key"],
        region_name=endpoints["region"],
    )
    return session.client("dynamodb", endpoint_url=endpoints["dynamodb"])


async def items_of(client: Any, table: str, source: str) -> Counter[tuple[str, str]]:
    """Items of each id and way in DynamoDB."""
    pages = client.get_paginator("scan").paginate(
        TableName=table,
        FilterExpression="#source = :source",
        ExpressionAttributeNames={"#source": "source"},
        ExpressionAttributeValues={":source": {"S": source}},
        ConsistentRead=True,
    )
    return Counter([(item["id"]["S"], item["via"]["S"]) async for page in pages for item in page["Items"]])


async def stored_everywhere(endpoints: dict[str, str], source: str, count: int, *, within_s: float) -> None:
    """Wait until all are stored, then hold that each is stored exactly once by every way."""
    rows, items = Counter[str](), Counter[tuple[str, str]]()

    async def all_are() -> bool:
        nonlocal rows, items
        rows = rows_of(endpoints, source)
        if len(rows) < count:
            return False
        items = await items_of(client, endpoints["table"], source)  # reads the whole table
        return len(items) >= count * len(WAYS)

    try:
        async with dynamodb(endpoints) as client:
            await until(all_are, within_s=within_s, every_s=0.3)
    except TimeoutError:
        pytest.fail(f"{len(rows)} of {count} rows, {len(items)} of {count * len(WAYS)} items after {within_s} s")
    ids = [str(number) for number in range(count)]
    assert rows == Counter(ids)
    assert items == Counter((id_, way) for id_ in ids for way in WAYS)


async def test_a_thousand_events_are_stored_once_by_every_way(system: Any, source: str) -> None:
    await publish_all(system.endpoints, source, 1000)
    await stored_everywhere(system.endpoints, source, 1000, within_s=60)


async def test_nothing_is_lost_when_b_and_c_are_killed(system: Any, source: str) -> None:
    async def kill_in_the_middle() -> None:
        for name in ("service-b", "service-c"):
            await some_are_stored(system.endpoints, source)
            os.kill(system.pid(name), signal.SIGKILL)

    await asyncio.gather(publish_all(system.endpoints, source, 1000), kill_in_the_middle())
    await stored_everywhere(system.endpoints, source, 1000, within_s=100)


async def some_are_stored(endpoints: dict[str, str], source: str) -> None:
    async def probe() -> bool:
        return bool(rows_of(endpoints, source))

    await until(probe, within_s=30, every_s=0.02)


async def test_sending_again_stores_nothing_twice(system: Any, source: str) -> None:
    async with ClientSession(system.endpoints["gateway"], timeout=ClientTimeout(30)) as http:
        for _ in range(3):
            await publish(http, source, "0")
    await stored_everywhere(system.endpoints, source, 1, within_s=30)


async def test_an_event_comes_back_from_the_query(
    gateway: httpx.AsyncClient, query: httpx.AsyncClient, source: str
) -> None:
    body = {"type": "order.created", "source": source, "data": {"total": 12.5, "text": "olá 🦀"}}
    accepted = await gateway.post("/events", json=body, headers={"idempotency-key": "order/1 %"})
    assert accepted.status_code == 202
    assert accepted.json()["legs"] == {"sns": "stored", "kafka": "stored"}

    receipt = await complete_receipt(query, source, "order/1 %")
    assert receipt["event"] == {"specversion": "1.0", "id": "order/1 %", **body}
    assert receipt["receipt"]["received_at"] == accepted.json()["received_at"]
    assert (receipt["conflict"], receipt["partial"]) == (False, False)

    listed = (await query.get("/events", params={"source": source})).json()
    assert [(event["id"], event["stores"]) for event in listed["events"]] == [("order/1 %", ["postgres", "dynamodb"])]
    assert listed["events"][0]["event"] == receipt["event"]


async def complete_receipt(query: httpx.AsyncClient, source: str, id_: str) -> dict[str, Any]:
    async def probe() -> dict[str, Any] | None:
        answer = await query.get("/event", params={"source": source, "id": id_})
        receipt: dict[str, Any] = answer.json()
        return receipt if answer.status_code == 200 and receipt["complete"] else None

    receipt = await until(probe, within_s=30)
    assert receipt
    return receipt


@pytest.mark.parametrize("path", ["/openapi.json", "/event?source=%2Fs&id=none", "/events?limit=0"])
async def test_head_has_the_headers_of_get(query: httpx.AsyncClient, path: str) -> None:
    told, asked = await query.get(path), await query.head(path)
    assert (asked.status_code, asked.content) == (told.status_code, b"")
    for name in ("content-length", "content-type", "cache-control"):
        assert asked.headers[name] == told.headers[name]


async def test_what_was_never_published_is_not_found(query: httpx.AsyncClient, source: str) -> None:
    answer = await query.get("/event", params={"source": source, "id": "none"})
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")


@pytest.mark.parametrize(
    ("content_type", "body", "status"),
    [
        ("application/json", b"{", 400),
        ("application/json", b'{"type": "t", "data": NaN}', 400),
        ("application/json", b'{"data": 1}', 422),
        ("application/cloudevents+json", b'{"specversion": "1.0", "id": "", "source": "s", "type": "t"}', 422),
        ("application/cloudevents+json", b'"' + b"x" * 270_000 + b'"', 413),
        ("text/plain", b"hello", 415),
    ],
)
async def test_bad_input_is_a_problem(gateway: httpx.AsyncClient, content_type: str, body: bytes, status: int) -> None:
    answer = await gateway.post("/events", content=body, headers={"content-type": content_type})
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert answer.json()["status"] == status
    assert answer.json()["detail"]
