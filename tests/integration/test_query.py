"""The query on both real stores: the handler's app in this process, and the packaged function."""

import asyncio
import hashlib
import json
import random
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest

from lambda_query.app import App, create_app
from lambda_query.dynamodb import DynamoDB
from pipeline.clock import rfc3339
from pipeline.delivery import Arrival, Delivery
from pipeline.errors import StoreUnavailable
from pipeline.event import parse
from pipeline.settings import QuerySettings
from pipeline.table import Way
from streams.dynamodb import DynamoStore
from streams.postgres import PostgresStore

PAST = datetime(2019, 5, 6, 23, 59, 58, tzinfo=UTC)
RANGE = {"from": "2019-05-06T00:00:00Z", "to": "2019-06-30T00:00:00Z"}
DAY = {"from": "2019-05-06T00:00:00Z", "to": "2019-05-07T00:00:00Z"}
IDS = ["plain", "a/b", "50%", "ação", "é", "🙂", "\U0010ffff", "a b", "Z", "z", 'quote"', "back\\slash", "x" * 512]


@dataclass(frozen=True)
class Seed:
    """One event as a test puts it: where, and with which `received_at`."""

    delivery: Delivery
    received_at: str

    @property
    def place(self) -> tuple[str, str, str]:
        return self.received_at, *self.delivery.event.identity


def seed(source: str, id_: str, moment: datetime, via: Way = "sqs", **attributes: Any) -> Seed:
    event = {"specversion": "1.0", "id": id_, "source": source, "type": "seed", "data": {"n": 1}} | attributes
    origin = {"queue": "q", "message_id": "m"} if via == "sqs" else {"topic": "t", "partition": 0, "offset": 7}
    received_at = rfc3339(moment)
    body = json.dumps(event, ensure_ascii=False).encode()
    return Seed(Delivery(parse(body), Arrival(body, via, origin, received_at, received_at=received_at)), received_at)


class Writers:
    """The services' own stores: what they write is what the query must read."""

    def __init__(self, endpoints: dict[str, str]) -> None:
        self.postgres = PostgresStore(endpoints["postgres"], connections=1, timeout_s=10)
        self.dynamodb = DynamoStore(endpoints["table"], calls=4)

    async def store(self, postgres: list[Seed], dynamodb: list[Seed]) -> None:
        await self.postgres.store([each.delivery for each in postgres])
        await self.dynamodb.store([each.delivery for each in dynamodb])

    async def close(self) -> None:
        await self.postgres.close()
        await self.dynamodb.close()


@pytest.fixture
async def writers(aws: dict[str, str]) -> AsyncIterator[Writers]:
    both = Writers(aws)
    yield both
    await both.close()


def settings(endpoints: dict[str, str], **changes: Any) -> QuerySettings:
    values = {"postgres_url": endpoints["postgres"], "table": endpoints["table"], "cursor_key": "k" * 32}
    return QuerySettings(**values | changes)


@pytest.fixture
def app(aws: dict[str, str]) -> Iterator[App]:
    one = create_app(settings(aws, store_timeout_s=10.0))
    yield one
    one.close()


async def get(app: App, path: str, **parameters: Any) -> tuple[int, dict[str, Any]]:
    given = {name.rstrip("_"): value for name, value in parameters.items() if value is not None}
    http = {"requestContext": {"http": {"method": "GET"}}, "rawPath": path, "rawQueryString": urlencode(given)}
    response = await asyncio.to_thread(app, http | {"headers": {}})
    return response["statusCode"], json.loads(response["body"])


async def pages(app: App, **parameters: Any) -> list[dict[str, Any]]:
    """Every event of a list, page by page."""
    events: list[dict[str, Any]] = []
    cursor = None
    for _ in range(2000):
        status, page = await get(app, "/events", cursor=cursor, **parameters)
        assert status == 200, page
        assert (page["partial"], page["unavailable"]) == (False, [])
        assert len(page["events"]) <= int(parameters.get("limit", 50))
        events += page["events"]
        cursor = page["next"]
        if cursor is None:
            return events
    raise AssertionError("the list never ended")


def places(events: list[dict[str, Any]]) -> list[tuple[str, str, str]]:
    return [(event["received_at"], event["source"], event["id"]) for event in events]


@dataclass(frozen=True)
class Model:
    """What both stores hold, and so what a list must show."""

    postgres: list[Seed]
    dynamodb: list[Seed]

    def listed(self, store: str) -> dict[tuple[str, str], Seed]:
        places: dict[tuple[str, str], Seed] = {}
        if store != "postgres":
            for each in sorted(self.dynamodb, key=lambda each: each.place, reverse=True):
                places[each.delivery.event.identity] = each
        if store != "dynamodb":
            places |= {each.delivery.event.identity: each for each in self.postgres}
        return places


def random_model(source: str, count: int) -> Model:
    """Events over some days: ties, quiet weeks, both stores or one, sources and ids of all kinds."""
    chance = random.Random(source)
    moments = [PAST + timedelta(microseconds=n) for n in (0, 0, 1, 2)]
    moments += [PAST + timedelta(seconds=n * 7) for n in range(6)]
    moments += [PAST + timedelta(days=n) for n in (1, 2, 30, 31, 50)]
    postgres: list[Seed] = []
    dynamodb: list[Seed] = []
    for number in range(count):
        id_ = f"{chance.choice(IDS)[: 512 - 4]}{number}" if number >= len(IDS) else IDS[number]
        from_ = f"{source}{chance.choice(['', '/é', '/🙂'])}"
        kind: dict[str, Any] = chance.choice([{}, {"subject": "s1"}, {"subject": "ção"}])
        moment, again = chance.choice(moments), chance.choice(moments)
        kind = kind | {"type": chance.choice(["one", "two"])}
        where = chance.random()
        if where < 0.8:
            postgres.append(seed(from_, id_, moment, **kind))
        if where > 0.2:
            dynamodb.append(seed(from_, id_, moment, "sqs", **kind))
        if where > 0.3:
            # Now and then the gateway was asked twice: the ways have different times.
            dynamodb.append(seed(from_, id_, chance.choice([moment, moment, again]), "kafka", **kind))
    return Model(postgres, dynamodb)


async def test_pages_walk_through_both_stores_exactly_once(app: App, writers: Writers, source: str) -> None:
    model = random_model(source, 300)
    await writers.store(model.postgres, model.dynamodb)
    for store, order, limit in [
        ("both", "desc", 7),
        ("both", "asc", 50),
        ("both", "asc", 3),
        ("both", "desc", 200),
        ("postgres", "desc", 50),
        ("dynamodb", "asc", 20),
        ("dynamodb", "desc", 200),
    ]:
        events = await pages(app, store=store, order=order, limit=limit, **RANGE)
        mine = [event for event in events if event["source"].startswith(source)]
        expected = sorted((each.place for each in model.listed(store).values()), reverse=order == "desc")
        assert places(mine) == expected, (store, order, limit)


@pytest.mark.parametrize("filters", [{"type": "one"}, {"subject": "ção"}, {"type": "two", "subject": "s1"}, {}])
async def test_filters_choose_the_same_events_in_each_store(
    app: App, writers: Writers, source: str, filters: dict[str, str]
) -> None:
    model = random_model(source, 60)
    await writers.store(model.postgres, model.dynamodb)
    for store in ("both", "postgres", "dynamodb"):
        events = await pages(app, store=store, limit=20, source=source, **filters, **RANGE)
        expected = [
            each.place
            for each in model.listed(store).values()
            if each.delivery.event.source == source
            and all(each.delivery.event.content.get(name) == value for name, value in filters.items())
        ]
        assert places(events) == sorted(expected, reverse=True), store


async def test_an_event_says_which_stores_have_it(app: App, writers: Writers, source: str) -> None:
    both, first, second = (seed(source, id_, PAST) for id_ in ("both", "only-postgres", "only-dynamodb"))
    await writers.store([both, first], [both, second])
    events = await pages(app, source=source, order="asc", **DAY)
    assert {event["id"]: event["stores"] for event in events} == {
        "both": ["postgres", "dynamodb"],
        "only-postgres": ["postgres"],
        "only-dynamodb": ["dynamodb"],
    }


async def test_an_event_is_listed_whole_and_its_numbers_as_they_were_sent(
    app: App, writers: Writers, source: str
) -> None:
    one = seed(source, "🙂/%", PAST, subject="sub", time="2019-05-06T00:00:00+02:00", data={"amount": 1.10, "é": [1]})
    await writers.store([one], [])
    [event] = await pages(app, source=source, **DAY)
    assert event == {
        "source": source,
        "id": "🙂/%",
        "type": "seed",
        "subject": "sub",
        "time": "2019-05-06T00:00:00+02:00",
        "received_at": "2019-05-06T23:59:58.000000Z",
        "stores": ["postgres"],
        "event": json.loads(one.delivery.event.body),
    }
    [brief] = await pages(app, source=source, fields="id,stores", **DAY)
    assert brief == {"id": "🙂/%", "stores": ["postgres"]}


async def test_a_cursor_stays_good_while_events_arrive(app: App, writers: Writers, source: str) -> None:
    old = [seed(source, f"old-{n}", PAST + timedelta(milliseconds=n)) for n in range(12)]
    await writers.store(old, old)
    _, first = await get(app, "/events", source=source, limit=5, **DAY)
    new = [seed(source, f"new-{n}", PAST + timedelta(milliseconds=600 + n)) for n in range(5)]
    await writers.store(new, new)
    _, second = await get(app, "/events", source=source, limit=10, cursor=first["next"], **DAY)
    assert [event["id"] for event in first["events"] + second["events"]] == [f"old-{n}" for n in range(11, -1, -1)]
    assert second["next"] is None


async def test_events_that_are_large_together_are_cut_into_pages(app: App, writers: Writers, source: str) -> None:
    large = [seed(source, str(n), PAST + timedelta(milliseconds=n), data="x" * 250_000) for n in range(25)]
    await writers.store(large, [])
    status, page = await get(app, "/events", store="postgres", source=source, limit=200, **DAY)
    assert status == 200
    assert 0 < len(page["events"]) < 25
    assert len(await pages(app, store="postgres", source=source, limit=200, **DAY)) == 25


@pytest.mark.parametrize("limit", [3, 20])
async def test_large_events_that_only_dynamodb_has_are_all_listed(
    app: App, writers: Writers, source: str, limit: int
) -> None:
    # Far more than the 1 MB that one answer of DynamoDB has at most.
    sizes = [240_000] * 6 + [10] * 6
    mixed = [
        seed(source, str(n), PAST + timedelta(milliseconds=n), via, data="x" * size)
        for n, size in enumerate(sizes)
        for via in ("sqs", "kafka")
    ]
    for each in mixed:
        await writers.store([], [each])
    for store in ("dynamodb", "both"):
        events = await pages(app, store=store, source=source, order="asc", limit=limit, **DAY)
        assert places(events) == [each.place for each in mixed[::2]], store


@pytest.mark.parametrize(("store", "expected"), [("dynamodb", 503), ("both", 200)])
async def test_a_page_whose_copies_could_not_be_read_is_not_passed_off_as_whole(
    app: App, writers: Writers, source: str, store: str, expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise StoreUnavailable("it went away between the walk and the reading")

    await writers.store([], [seed(source, "1", PAST)])
    monkeypatch.setattr(DynamoDB, "find", fail)
    status, page = await get(app, "/events", store=store, source=source, **DAY)
    assert (status, page["unavailable"]) == (expected, ["dynamodb"])
    assert page.get("partial", True)


async def test_identities_that_dynamodb_cuts_are_listed_in_order(app: App, writers: Writers, source: str) -> None:
    # No filter, so that pages of the index end amid the ties; a microsecond of its own instead.
    moment = datetime(1999, 1, 1, tzinfo=UTC) + timedelta(
        microseconds=random.Random(source).randrange(8 * 10**14)
    )  # before 2025: a list ends at now
    long = source + "/" + "s" * (511 - len(source))
    ends = [hashlib.sha256(str(n).encode()).hexdigest()[:8] for n in range(60)]
    ties = [seed(long, "i" * 504 + end, moment, via) for end in ends for via in ("sqs", "kafka")]
    await writers.store([], ties)
    within = {"from": rfc3339(moment), "to": rfc3339(moment + timedelta(microseconds=1))}
    for order in ("asc", "desc"):
        events = await pages(app, store="dynamodb", order=order, limit=3, **within)
        assert places(events) == sorted({each.place for each in ties}, reverse=order == "desc")


async def test_the_receipt_of_an_event_by_every_way(app: App, writers: Writers, source: str) -> None:
    by_sqs, by_kafka = seed(source, "a/b c", PAST), seed(source, "a/b c", PAST, "kafka")
    await writers.store([by_sqs], [by_sqs, by_kafka])
    status, found = await get(app, "/event", source=source, id="a/b c")
    assert status == 200
    receipt = found["receipt"]
    assert found["event"] == json.loads(by_sqs.delivery.event.body)
    assert receipt["received_at"] == by_sqs.received_at
    assert receipt["postgres"]["origin"] == receipt["dynamodb"]["sqs"]["origin"] == by_sqs.delivery.arrival.origin
    assert receipt["dynamodb"]["kafka"]["origin"] == by_kafka.delivery.arrival.origin
    assert [receipt["postgres"]["via"], receipt["dynamodb"]["kafka"]["via"]] == ["sqs", "kafka"]
    assert len(receipt["postgres"]["stored_at"]) == len(receipt["received_at"]) == 27
    assert (found["complete"], found["conflict"], found["partial"], found["unavailable"]) == (True, False, False, [])


async def test_an_event_that_is_not_everywhere_is_not_complete(app: App, writers: Writers, source: str) -> None:
    here, there = seed(source, "here", PAST), seed(source, "there", PAST, "kafka")
    await writers.store([here], [there])
    _, found = await get(app, "/event", source=source, id="here")
    assert (found["complete"], found["receipt"]["dynamodb"]) == (False, {"sqs": None, "kafka": None})
    _, found = await get(app, "/event", source=source, id="there")
    assert (found["complete"], found["receipt"]["postgres"]) == (False, None)


async def test_two_contents_of_one_identity_are_a_conflict_and_listed_once(
    app: App, writers: Writers, source: str
) -> None:
    first, other = seed(source, "1", PAST, data=1), seed(source, "1", PAST + timedelta(seconds=1), data=2)
    await writers.store([first], [first, other])
    _, found = await get(app, "/event", source=source, id="1")
    assert (found["conflict"], found["complete"], found["event"]["data"]) == (True, False, 1)
    for store in ("both", "dynamodb"):
        assert places(await pages(app, store=store, source=source, **DAY)) == [first.place]


async def test_an_unknown_event_is_404(app: App, source: str) -> None:
    status, problem = await get(app, "/event", source=source, id="none")
    assert (status, problem["type"]) == (404, "urn:mensageria:problem:not-found")


NOWHERE = "postgresql://nobody:x@127.0.0.1:1/none"


async def test_without_postgresql_the_answers_are_dynamodbs_and_say_so(
    aws: dict[str, str], writers: Writers, source: str
) -> None:
    one = seed(source, "1", PAST)
    await writers.store([one], [one])
    app = create_app(settings(aws, postgres_url=NOWHERE, store_timeout_s=10.0))
    try:
        status, page = await get(app, "/events", source=source, **DAY)
        assert (status, page["partial"], page["unavailable"]) == (200, True, ["postgres"])
        assert [event["stores"] for event in page["events"]] == [["dynamodb"]]
        status, found = await get(app, "/event", source=source, id="1")
        assert (status, found["complete"], found["partial"], found["unavailable"]) == (200, False, True, ["postgres"])
        status, problem = await get(app, "/event", source=source, id="unknown")
        assert (status, problem["unavailable"]) == (503, ["postgres"])
        status, problem = await get(app, "/events", source=source, store="postgres", **DAY)
        assert (status, problem["unavailable"]) == (503, ["postgres"])
    finally:
        app.close()


async def test_without_dynamodb_the_answers_are_postgresqls_and_without_both_503(
    aws: dict[str, str], writers: Writers, source: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = seed(source, "1", PAST)
    await writers.store([one], [one])
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", "http://127.0.0.1:1")
    for url, expected in ((aws["postgres"], 200), (NOWHERE, 503)):
        app = create_app(settings(aws, postgres_url=url))
        try:
            status, page = await get(app, "/events", source=source, **DAY)
            assert status == expected
            assert "dynamodb" in page["unavailable"]
            assert (await get(app, "/event", source=source, id="1"))[0] == expected
        finally:
            app.close()


async def test_a_connection_that_postgresql_ended_is_replaced(app: App, aws: dict[str, str], source: str) -> None:
    assert (await get(app, "/events", source=source, **DAY))[1]["unavailable"] == []
    ending = PostgresStore(aws["postgres"], connections=1, timeout_s=5)
    await ending._run(
        "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'mensageria-query'", b"[]"
    )
    await ending.close()
    assert (await get(app, "/events", source=source, **DAY))[1]["unavailable"] == []


async def test_the_packaged_function_answers_behind_the_http_api(aws: dict[str, str], source: str) -> None:
    async with httpx.AsyncClient(base_url=aws["query"], timeout=30) as client:
        page = await client.get("/events", params={"source": source})
        assert (page.status_code, page.json()["events"], page.json()["partial"]) == (200, [], False)
        refused = await client.get("/events", params={"limit": 0})
        assert (refused.status_code, refused.headers["content-type"]) == (400, "application/problem+json")
        assert (await client.get("/none")).status_code == 404
        assert (await client.post("/events")).status_code == 405
