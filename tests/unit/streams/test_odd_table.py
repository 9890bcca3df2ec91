"""A table's server that answers anything but what DynamoDB does: an outage, and no event is lost or counted twice."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from aiohttp import web
from prometheus_client import CollectorRegistry

from pipeline.core.settings.process import TraceSettings
from pipeline.events.delivery import Arrival
from pipeline.telemetry.metrics import WayMetrics
from pipeline.telemetry.tracing import Tracing
from streams.dynamodb import DynamoStore
from streams.intake import Intake

EVENTS = 25
Odd = Callable[["Table", web.Request, list[str]], web.StreamResponse]
Start = Callable[["Table"], Awaitable[None]]


class Table:
    """Answers each call with the next of `odd`, which may have written; then as DynamoDB does."""

    def __init__(self, *odd: Odd) -> None:
        self._odd = list(odd)
        self.written: Counter[str] = Counter()

    async def answer(self, request: web.Request) -> web.StreamResponse:
        ((_, requests),) = json.loads(await request.read())["RequestItems"].items()
        items = [each["PutRequest"]["Item"] for each in requests]
        ids = [item["id"]["S"] for item in items if "id" in item]
        if ids and self._odd:
            return self._odd.pop(0)(self, request, ids)
        self.written.update(ids)
        return web.json_response({"UnprocessedItems": {}})


def says(status: int, body: bytes) -> Odd:
    return lambda _, __, ___: web.Response(status=status, body=body)


def cut(_: Table, request: web.Request, __: list[str]) -> web.StreamResponse:
    """The head of an answer and half of its body."""
    assert request.transport
    request.transport.write(b'HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{"Unproc')
    request.transport.close()
    return web.Response()


def write_and_cut(table: Table, request: web.Request, ids: list[str]) -> web.StreamResponse:
    table.written.update(ids)
    return cut(table, request, ids)


@pytest.fixture
async def serving(unused_tcp_port: int, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Start]:
    """Starts the server of a table, where the SDK's settings point to."""
    runners: list[web.AppRunner] = []
    for name, value in (
        ("AWS_ENDPOINT_URL", f"http://127.0.0.1:{unused_tcp_port}"),
        ("AWS_REGION", "us-east-1"),
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
    ):
        monkeypatch.setenv(name, value)

    async def start(table: Table) -> None:
        app = web.Application()
        app.router.add_post("/", table.answer)
        runners.append(runner := web.AppRunner(app))
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", unused_tcp_port).start()

    yield start
    for runner in runners:
        await runner.cleanup()


THROTTLED = b'{"__type": "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException", "message": "slow"}'
INVALID = b'{"__type": "com.amazon.coral.validate#ValidationException", "message": "The provided key is no key"}'


class OneUnit(Table):
    """Has capacity for one item, and for the next only once a call was throttled."""

    has_unit = True

    async def answer(self, request: web.Request) -> web.StreamResponse:
        ((name, requests),) = json.loads(await request.read())["RequestItems"].items()
        self.has_unit, had_unit = not self.has_unit, self.has_unit
        if not had_unit:
            return web.Response(status=400, body=THROTTLED)
        item = requests[0]["PutRequest"]["Item"]
        self.written.update([item.get("id", item["copy"])["S"]])
        return web.json_response({"UnprocessedItems": {name: requests[1:]} if requests[1:] else {}})


@pytest.mark.parametrize(
    ("odd", "most_written"),
    [
        ([says(200, b"<html>welcome</html>"), says(503, b"<html>later</html>")], 1),
        ([says(200, b"{}"), says(200, b"[]"), says(200, b"")], 1),
        ([says(302, b""), says(404, b""), says(400, b"\xff")], 1),
        ([says(400, THROTTLED), says(400, INVALID)], 1),
        ([cut, cut], 1),
        ([write_and_cut], 2),
    ],
    ids=["pages", "other JSON", "statuses", "refusals", "cut", "cut once it was written"],
)
async def test_every_answer_but_the_right_one_is_an_outage(
    serving: Start,
    odd: list[Odd],
    most_written: int,
) -> None:
    table = Table(*odd)
    await serving(table)
    assert await settled() == EVENTS
    assert table.written.keys() == {str(n) for n in range(EVENTS)}
    assert max(table.written.values()) <= most_written


async def test_a_table_that_throttles_after_each_item_gets_each_day_and_each_event_once(serving: Start) -> None:
    table = OneUnit()
    await serving(table)
    assert await settled(events=4, days=2) == 4
    assert table.written == {"2026-11-01": 1, "2026-11-02": 1} | {str(n): 1 for n in range(4)}


async def settled(events: int = EVENTS, days: int = 1) -> float:
    """How many of so many events count as stored, once all are settled."""

    async def no_letters(_: object) -> None:
        pytest.fail("an outage makes no dead letter")

    metrics = WayMetrics(CollectorRegistry(), "dynamodb", ("sqs",))
    store = DynamoStore("events", calls=2)
    intake = Intake("service-c", store, no_letters, metrics, Tracing("service-c", TraceSettings()), timeout_s=5)
    body = b'{"specversion": "1.0", "id": "%d", "source": "urn:test", "type": "t"}'
    try:
        async with asyncio.timeout(20):
            await intake.settle(
                [Arrival(body % n, "sqs", {}, f"2026-11-0{1 + n % days}T15:24:00.000000Z") for n in range(events)],
                lambda: False,
            )
    finally:
        await store.close()
    return metrics.stored["sqs", "stored"].value
