"""`/stats`, `/differences`, and what stands around them: the role, CORS, the document, stores that are down."""

import json
import socket
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any
from zlib import crc32

import psycopg2
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as hypothesis_settings
from schemathesis.core.result import Ok

from lambda_query.app import App, create_app
from lambda_query.aws_calls import AwsCalls
from lambda_query.differences import PAGE_DIFFERENCES
from lambda_query.handler import fetch_secret
from pipeline.core.clock import now, rfc3339
from pipeline.core.errors import SettingsError
from pipeline.core.settings import read
from pipeline.core.settings.query import AwsSettings, QuerySettings
from stack.http_client import http_client
from tests.integration.gateway.test_openapi import CHECKS
from tests.support.querying import Seed, Writers, get, reading_url, seed, settings
from tests.support.running_system import System

YEAR = datetime(2018, 1, 1, tzinfo=UTC)
NOWHERE = {
    "postgres": {"query_postgres_url": "postgresql://nobody:x@127.0.0.1:1/none"},
    "dynamodb": {"dynamodb": "http://127.0.0.1:1"},
}


@pytest.fixture
def moment(source: str) -> datetime:
    """The beginning of ten minutes that are the test's own, all of one day."""
    return YEAR + timedelta(minutes=10 * (crc32(source.encode()) % (6 * 24 * 365)))


def around(moment: datetime) -> dict[str, str]:
    """A minute."""
    return {"from_": rfc3339(moment), "to": rfc3339(moment + timedelta(minutes=1))}


def both_ways(source: str, id_: str, moment: datetime, **attributes: Any) -> list[Seed]:
    return [seed(source, id_, moment, "sqs", **attributes), seed(source, id_, moment, "kafka", **attributes)]


async def test_what_is_stored_is_followed_whatever_time_it_claims(app: App, writers: Writers, source: str) -> None:
    status, begun = await get(app, "/stored", source=source)
    assert (status, begun["events"], begun["next"]) == (200, [], None)
    claims = {"ahead": now() + timedelta(days=2), "late": YEAR, "plain": now(), "other": now()}
    for id_, claimed in claims.items():
        of_both = [seed(source, id_, claimed, type="other" if id_ == "other" else "seed")]
        await writers.store(of_both, of_both if id_ == "late" else [])
    wanted: dict[str, Any] = {"source": source, "type": "seed", "since": begun["resume_from"], "limit": 2}
    status, first = await get(app, "/stored", **wanted)
    assert [event["id"] for event in first["events"]] == ["ahead", "late"]
    assert [event["stores"] for event in first["events"]] == [["postgres"], ["postgres", "dynamodb"]]
    assert first["events"][0]["event"]["data"] == {"n": 1}
    assert begun["resume_from"] <= first["events"][0]["stored_at"] <= first["events"][1]["stored_at"]
    status, last = await get(app, "/stored", **wanted, cursor=first["next"])
    assert ([event["id"] for event in last["events"]], last["next"]) == (["plain"], None)
    await writers.store([seed(source, "later", YEAR)], [])
    status, again = await get(app, "/stored", source=source, since=first["resume_from"], fields="id")
    assert {"id": "later"} in again["events"]
    assert first["resume_from"] < again["resume_from"]
    assert (await get(app, "/stored", **wanted | {"type": "another"}, cursor=first["next"]))[0] == 400
    assert (await get(app, "/stored", from_="2026-11-23T15:24:00Z"))[0] == 400


async def test_without_postgres_nothing_can_be_followed(aws: dict[str, str]) -> None:
    app = create_app(settings(aws, **NOWHERE["postgres"]))
    status, problem = await get(app, "/stored", since="2026-11-23T15:24:00Z")
    assert (status, problem["unavailable"]) == (503, ["postgres"])
    app.close()


async def test_stats_count_each_event_once_in_each_store(
    app: App, writers: Writers, source: str, moment: datetime
) -> None:
    minutes = [moment + timedelta(minutes=n) for n in range(3)]
    for n, minute in enumerate(minutes):
        for m in range(n + 1):
            ways = both_ways(source, f"{n}-{m}", minute + timedelta(seconds=m), type=f"type-{m}")
            await writers.store(ways[:1] if n else [], ways)
    status, stats = await get(app, "/stats", from_=rfc3339(moment), to=rfc3339(moment + timedelta(minutes=3)))
    assert status == 200
    assert (stats["from"], stats["partial"], stats["unavailable"]) == (rfc3339(moment), False, [])
    by_minute = {f"{minute:%Y-%m-%dT%H:%M}:00Z": n + 1 for n, minute in enumerate(minutes)}
    assert stats["dynamodb"] == {
        "total": 6,
        "by_type": {"type-0": 3, "type-1": 2, "type-2": 1},
        "by_minute": by_minute,
    }
    assert stats["postgres"]["total"] == 5
    assert Counter(stats["postgres"]["by_minute"]) == Counter(by_minute) - Counter({f"{moment:%Y-%m-%dT%H:%M}:00Z": 1})


async def test_stats_are_of_the_last_hour_and_refuse_what_is_too_much(app: App) -> None:
    _, stats = await get(app, "/stats")
    span = datetime.fromisoformat(stats["to"]) - datetime.fromisoformat(stats["from"])
    assert (span, now() - datetime.fromisoformat(stats["to"]) < timedelta(minutes=1)) == (timedelta(hours=1), True)


async def test_stats_over_more_than_can_be_counted_are_refused(
    aws: dict[str, str], writers: Writers, source: str, moment: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    await writers.store([], both_ways(source, "1", moment) + both_ways(source, "2", moment + timedelta(days=1)))
    monkeypatch.setattr("lambda_query.stats._WALK_CALLS", 1)
    app = create_app(settings(aws))
    status, problem = await get(app, "/stats", from_=rfc3339(moment), to=rfc3339(moment + timedelta(days=9)))
    assert (status, [error["parameter"] for error in problem["errors"]]) == (400, ["from"])
    app.close()


async def test_differences_tell_what_is_lacking_where(
    app: App, writers: Writers, source: str, moment: datetime
) -> None:
    sqs, kafka = both_ways(source, "whole", moment)
    await writers.store([sqs], [sqs, kafka])
    sqs, kafka = both_ways(source, "no row", moment)
    await writers.store([], [sqs, kafka])
    sqs, kafka = both_ways(source, "one way", moment)
    await writers.store([sqs], [kafka])
    await writers.store([seed(source, "row alone", moment)], [])
    sent_again = both_ways(source, "sent again", moment), both_ways(source, "sent again", moment + timedelta(seconds=9))
    await writers.store([sent_again[0][0]], [sent_again[0][0], sent_again[1][1]])
    status, page = await get(app, "/differences", **around(moment))
    assert (status, page["next"], page["partial"]) == (200, None, False)
    assert {found["id"]: found["missing"] for found in page["differences"]} == {
        "no row": ["postgres"],
        "one way": ["dynamodb.sqs"],
        "row alone": ["dynamodb.sqs", "dynamodb.kafka"],
    }
    assert not any(found["conflict"] for found in page["differences"])


@pytest.mark.parametrize("later", [timedelta(0), timedelta(seconds=5)])
async def test_a_conflict_is_a_difference_once_whenever_it_came(
    app: App, writers: Writers, source: str, moment: datetime, later: timedelta
) -> None:
    first, second = both_ways(source, "1", moment, data=1), both_ways(source, "1", moment + later, data=2)
    await writers.store(first[:1], first + second)
    _, page = await get(app, "/differences", **around(moment))
    assert [(found["id"], found["missing"], found["conflict"]) for found in page["differences"]] == [("1", [], True)]


async def test_differences_come_in_pages_and_only_what_is_settled(
    app: App, writers: Writers, source: str, moment: datetime
) -> None:
    lacking = [seed(source, f"{n:03}", moment + timedelta(milliseconds=n)) for n in range(PAGE_DIFFERENCES + 70)]
    await writers.store(lacking, [])
    found: list[str] = []
    cursor, pages = None, 0
    while pages == 0 or cursor:
        _, page = await get(app, "/differences", cursor=cursor, **around(moment))
        found += [each["id"] for each in page["differences"]]
        cursor, pages = page["next"], pages + 1
    assert found == [each.delivery.event.id for each in lacking]
    assert pages > 1
    await writers.store([seed(source, "young", now())], [])
    _, page = await get(app, "/differences", from_=rfc3339(now() - timedelta(seconds=20)))
    assert page["differences"] == []


@pytest.mark.parametrize("down", ["postgres", "dynamodb"])
async def test_each_store_down_in_turn_leaves_the_other_ones_answer(
    aws: dict[str, str], writers: Writers, source: str, moment: datetime, down: str
) -> None:
    whole, lacking = both_ways(source, "whole", moment), both_ways(source, "lacking", moment)
    await writers.store([whole[0], lacking[0]], [*whole, lacking[0]])
    app = create_app(settings(aws, store_timeout_s=10.0, **NOWHERE[down]))
    for path in ("/events", "/stats", "/differences"):
        status, page = await get(app, path, **around(moment))
        assert (status, page["partial"], page["unavailable"]) == (200, True, [down]), path
        if path == "/events":
            assert {event["id"] for event in page["events"]} == {"whole", "lacking"}
        if path == "/stats":
            assert page[down] is None
            assert page["dynamodb" if down == "postgres" else "postgres"]["total"] == 2
        if path == "/differences":
            known = [("lacking", ["dynamodb.kafka"])] if down == "postgres" else []
            assert [(found["id"], found["missing"]) for found in page["differences"]] == known
    app.close()


@pytest.mark.parametrize("down", ["postgres", "dynamodb"])
async def test_a_store_that_is_silent_costs_no_more_than_the_deadline_and_leaves_the_others_answer(
    aws: dict[str, str], writers: Writers, source: str, moment: datetime, down: str
) -> None:
    one = both_ways(source, "1", moment)
    await writers.store([one[0]], one)
    with socket.create_server(("127.0.0.1", 0)) as server:  # takes connections, and says nothing
        address = f"127.0.0.1:{server.getsockname()[1]}"
        silent = {"postgres": {"query_postgres_url": f"postgresql://u:p@{address}/d?sslmode=disable"}}
        silent["dynamodb"] = {"dynamodb": f"http://{address}"}
        app = create_app(settings(aws, store_timeout_s=3.0, **silent[down]))
        begun = now()
        status, page = await get(app, "/events", source=source, **around(moment))
        assert now() - begun < timedelta(seconds=5)
        assert (status, page["unavailable"]) == (200, [down])
        assert [(each["id"], each["event"]["id"]) for each in page["events"]] == [("1", "1")]
        app.close()


def test_the_querys_role_can_read_events_and_nothing_else(system: System) -> None:
    connection = psycopg2.connect(reading_url(system))
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute("select count(*) from events")
        cursor.execute("set default_transaction_read_only = off")
        for statement in ("delete from events", "select * from erasures", "create table mine ()", "truncate events"):
            with pytest.raises(psycopg2.errors.InsufficientPrivilege):
                cursor.execute(statement)
    connection.close()


async def test_the_function_uses_that_role_and_answers_the_webs_origin_alone(
    system: System, aws: dict[str, str], source: str
) -> None:
    preflight = {"access-control-request-method": "GET", "access-control-request-headers": "authorization"}
    async with http_client(base_url=aws["query"], timeout=30) as client:
        assert (await client.get("/events", params={"source": source})).json()["partial"] is False
        for origin, allowed in ((aws["web"], aws["web"]), ("http://elsewhere.example", None)):
            answer = await client.options("/events", headers={"origin": origin, **preflight})
            assert answer.headers.get("access-control-allow-origin") == allowed
        told, head = await client.get("/openapi.json"), await client.head("/openapi.json")
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["content-type"] == told.headers["content-type"]
        document = told.json()
        assert document["openapi"].startswith("3.1")
    with psycopg2.connect(aws["postgres"]) as connection, connection.cursor() as cursor:
        cursor.execute("select distinct usename from pg_stat_activity where application_name = 'mensageria-query'")
        assert ("mensageria_query",) in cursor.fetchall()


def test_the_variables_of_a_secret_count_before_the_environments(aws: dict[str, str], source: str) -> None:
    where = AwsSettings(
        region=aws["region"], access_key=aws["access_key"], secret_key=aws["secret_key"], endpoint_url=aws["aws"]
    )
    calls = AwsCalls("secretsmanager", where, 10)
    held = {"MENSAGERIA_QUERY_POSTGRES_URL": "postgresql://held", "MENSAGERIA_CURSOR_KEY": "h" * 32}
    name = source.replace(":", "-")
    arn = calls.call("CreateSecret", {"Name": name, "SecretString": json.dumps(held)})["ARN"]
    calls.close()
    own = {"AWS_REGION": "r", "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "s"}
    environ = own | {"MENSAGERIA_CURSOR_KEY": "e" * 32}
    found = read(QuerySettings, environ, before=fetch_secret(arn, where))
    assert (found.query_postgres_url, found.cursor_key) == ("postgresql://held", "h" * 32)
    with pytest.raises(SettingsError, match="can't be read"):
        fetch_secret(f"{arn}-none", where)


def _wsgi(app: App) -> Any:
    """The handler as a WSGI app, so that schemathesis can call it without a server."""

    def call(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        names = {name: value for name, value in environ.items() if name.startswith("HTTP_")}
        headers = {name.removeprefix("HTTP_").replace("_", "-").lower(): value for name, value in names.items()}
        http = {"method": environ["REQUEST_METHOD"]}
        response = app(
            {
                "rawPath": environ["PATH_INFO"],
                "rawQueryString": environ["QUERY_STRING"],
                "headers": headers,
                "requestContext": {"http": http},
            }
        )
        start_response(f"{response['statusCode']} _", list(response["headers"].items()))
        return [response["body"].encode()]

    return call


def test_every_answer_is_a_documented_one(aws: dict[str, str], scale: float) -> None:
    # A range over decades takes all the time that there is for a page: here, little.
    app = create_app(settings(aws, store_timeout_s=2.0))
    api = schemathesis.openapi.from_wsgi("/openapi.json", _wsgi(app))
    operations = [found.ok() for found in api.get_all_operations() if isinstance(found, Ok)]
    assert len(operations) == 6
    for operation in operations:

        @hypothesis_settings(
            max_examples=int(100 * scale),
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
            database=None,
        )
        @given(case=operation.as_strategy())
        def answers_as_documented(case: Any) -> None:
            case.call_and_validate(base_url="http://localhost", checks=CHECKS)

        answers_as_documented()
    app.close()
