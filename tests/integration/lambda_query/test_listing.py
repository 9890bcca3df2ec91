"""The query on both real stores: the handler's app in this process, and the packaged function."""

import asyncio
import hashlib
import json
import random
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import psycopg2
import pytest

from lambda_query.app import App, create_app
from lambda_query.aws_calls import AwsCalls
from lambda_query.dynamodb import DynamoDB
from lambda_query.question import MAX_BYTES
from pipeline.core.clock import rfc3339
from pipeline.core.errors import StoreUnavailable
from stack.http_client import http_client
from streams.postgres import PostgresStore
from tests.support.querying import DAY, PAST, RANGE, Writers, get, pages, places, seed, seed_of, settings


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


@pytest.mark.parametrize("number", ["1e307", "1e-307", "-0.0", "12345678901234567890123.10"])
async def test_a_number_is_answered_as_it_was_sent(app: App, writers: Writers, source: str, number: str) -> None:
    some = [seed(source, str(at), PAST, data="N") for at in range(3)]
    numbers = ",".join([number] * (250_000 // (len(number) + 1)))
    written = [seed_of(each, each.delivery.event.body.replace(b'"N"', f"[{numbers}]".encode())) for each in some]
    await writers.store(written, written[:1])
    for path, parameters in (("/events", {"source": source, **DAY}), ("/event", {"source": source, "id": "2"})):
        request = {"requestContext": {"http": {"method": "GET"}}, "rawPath": path, "headers": {}}
        response = await asyncio.to_thread(app, request | {"rawQueryString": urlencode(parameters)})
        assert response["statusCode"] == 200
        assert response["body"].replace(" ", "").count(f"[{numbers}]") == (3 if path == "/events" else 1)
        assert len(json.dumps(response["body"])) < 6_000_000
    assert len(await pages(app, source=source, limit=1, **DAY)) == 3


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


@pytest.mark.parametrize("broken", ["copies", "texts"])
@pytest.mark.parametrize(("store", "expected"), [("dynamodb", 503), ("both", 200)])
async def test_a_page_whose_copies_could_not_be_read_is_not_passed_off_as_whole(
    app: App, writers: Writers, source: str, store: str, expected: int, broken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise StoreUnavailable("it went away between the walk and the reading")

    await writers.store([], [seed(source, "1", PAST)])
    monkeypatch.setattr(DynamoDB, broken, fail)
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
    app = create_app(settings(aws, query_postgres_url=NOWHERE, store_timeout_s=10.0))
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
    aws: dict[str, str], writers: Writers, source: str
) -> None:
    one = seed(source, "1", PAST)
    await writers.store([one], [one])
    for url, expected in ((aws["postgres"], 200), (NOWHERE, 503)):
        app = create_app(settings(aws, query_postgres_url=url, dynamodb="http://127.0.0.1:1"))
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
    async with http_client(base_url=aws["query"], timeout=30) as client:
        page = await client.get("/events", params={"source": source})
        assert (page.status_code, page.json()["events"], page.json()["partial"]) == (200, [], False)
        refused = await client.get("/events", params={"limit": 0})
        assert (refused.status_code, refused.headers["content-type"]) == (400, "application/problem+json")
        assert (await client.get("/none")).status_code == 404
        assert (await client.post("/events")).status_code == 405


def _forget_the_text(aws: dict[str, str], source: str) -> None:
    """Leave the rows of `source` as they were before the text of their numbers was kept."""
    connection = psycopg2.connect(aws["postgres"])
    with closing(connection), connection, connection.cursor() as cursor:
        cursor.execute("update events set written = null where source = %s and written is not null", (source,))


@pytest.mark.parametrize("descending", [True, False])
async def test_an_event_too_large_for_an_answer_is_null_in_a_list_and_the_others_are_shown(
    app: App, aws: dict[str, str], writers: Writers, source: str, descending: bool
) -> None:
    _, begun = await get(app, "/stored", source=source)
    some = [seed(source, str(n), PAST + timedelta(seconds=n), data="N" if n in (0, 3) else n) for n in range(5)]
    numbers = b",".join([b"1e307"] * 40_000)
    large = [seed_of(each, each.delivery.event.body.replace(b'"N"', b"[%s]" % numbers)) for each in some]
    await writers.store(large, [])
    _forget_the_text(aws, source)
    order = {"order": "desc" if descending else "asc"}
    found = await pages(app, source=source, store="postgres", **order)
    expected = {str(n): None if n in (0, 3) else n for n in range(5)}
    assert {each["id"]: each["event"] and each["event"]["data"] for each in found} == expected
    assert len(found) == 5
    stored: list[dict[str, Any]] = []
    cursor = None
    while cursor or not stored:
        status, page = await get(app, "/stored", source=source, since=begun["resume_from"], cursor=cursor)
        assert status == 200
        stored += page["events"]
        cursor = page["next"]
    assert {each["id"]: each["event"] and each["event"]["data"] for each in stored} == expected
    status, problem = await get(app, "/event", source=source, id="0")
    assert (status, problem["type"]) == (413, "urn:mensageria:problem:answer-too-large")
    await writers.store([], large[:1])
    status, document = await get(app, "/event", source=source, id="0")
    assert (status, len(document["event"]["data"])) == (200, 40_000)


async def test_contents_are_read_up_to_a_pages_bytes(
    app: App, writers: Writers, source: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    large = [seed(source, f"{n:02}", PAST + timedelta(seconds=n), data="x" * 250_000) for n in range(30)]
    await writers.store([], large)
    read: list[int] = []
    call = AwsCalls.call

    def counted(calls: AwsCalls, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        answer = call(calls, operation, request)
        if operation == "BatchGetItem":
            read.append(sum(len(item["event"]["S"]) for items in answer["Responses"].values() for item in items))
        return answer

    monkeypatch.setattr(AwsCalls, "call", counted)
    status, page = await get(app, "/events", source=source, store="dynamodb", limit=30, order="asc", **RANGE)
    assert (status, bool(page["next"])) == (200, True)
    assert len(page["events"]) == 19  # of 250 kB, in 5 MB
    assert sum(read) <= MAX_BYTES + 250_500
