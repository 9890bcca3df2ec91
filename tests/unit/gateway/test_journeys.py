"""Journeys as server-sent events; Kafka is away, so that the test alone reports."""

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from quart import Quart

from gateway import journey_stream, journeys
from gateway.addresses import Addresses
from gateway.app import ADDRESSES, create_app
from gateway.journey_stream import is_journey, parse_identity
from pipeline.core.errors import InvalidParameters
from pipeline.core.keys import new
from pipeline.core.settings.gateway import GatewaySettings
from pipeline.core.settings.kafka import KafkaSettings
from pipeline.core.ways import Store, Via
from pipeline.events.receipts import Report

AT = "2026-11-23T15:24:01.000000Z"
WAYS: tuple[tuple[Store, Via], ...] = (("postgres", "sqs"), ("dynamodb", "sqs"), ("dynamodb", "kafka"))
PART = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=128)


def scope(path: str, query: str = "", method: str = "GET", **headers: str) -> dict[str, Any]:
    sent = [(name.encode(), value.encode()) for name, value in ({"host": "localhost"} | headers).items()]
    asked = {"raw_path": path.encode(), "path": path, "query_string": query.encode(), "method": method}
    return {"type": "http", "http_version": "1.1", "headers": sent, **asked}


class Stream:
    """One request, as an ASGI server makes it."""

    def __init__(self, app: Quart, asked: dict[str, Any]) -> None:
        self.sent: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.gone = asyncio.Event()
        self.task = asyncio.ensure_future(app.asgi_app(asked, self._receive, self.sent.put))  # type: ignore[arg-type]

    async def _receive(self) -> dict[str, Any]:
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def begun(self) -> int:
        return int((await self.sent.get())["status"])

    async def event(self) -> tuple[str, Any]:
        """The next one with data."""
        while True:
            message = await asyncio.wait_for(self.sent.get(), 10)
            if not message["more_body"]:
                return "", None
            lines = dict(line.split(": ", 1) for line in message["body"].decode().splitlines() if ": " in line)
            if "event" in lines:
                return lines["event"], msgspec.json.decode(lines["data"])


@pytest.fixture
def settings(tmp_path: Path, unused_tcp_port_factory: Callable[[], int]) -> GatewaySettings:
    away = KafkaSettings(bootstrap_servers=f"127.0.0.1:{unused_tcp_port_factory()}")
    return GatewaySettings(topic_arn="arn:aws:sns:us-east-1:000000000000:events", kafka=away)


@pytest.fixture
async def app(settings: GatewaySettings) -> AsyncIterator[Quart]:
    one = create_app(settings)
    yield one
    await one.extensions[ADDRESSES].close()


async def open_stream(app: Quart, **headers: str) -> tuple[Stream, str]:
    """A stream of the event (s, a/b) that has told that nothing is known, and its address."""
    stream = Stream(app, scope("/events/a%2Fb/journey", "source=s", **headers))
    assert await stream.begun() == 200
    name, state = await stream.event()
    assert (name, state["source"], state["id"], state["complete"]) == ("journey", "s", "a/b", False)
    assert state["receipt"] == {"received_at": None, "postgres": None, "dynamodb": {"sqs": None, "kafka": None}}
    return stream, next(reversed(app.extensions[ADDRESSES]._listeners))


def report(address: str, store: Store, via: Via, dead_letter: str | None = None) -> Report:
    return Report(address, "s", "a/b", store, via, AT, AT, {"queue": "q"}, dead_letter)


async def test_a_journey_tells_each_way_and_ends_with_the_last(app: Quart) -> None:
    stream, address = await open_stream(app)
    addresses: Addresses = app.extensions[ADDRESSES]
    addresses.take(Report(address, "s", "another", "postgres", "sqs"))
    for number, (store, via) in enumerate(WAYS, start=1):
        addresses.take(report(address, store, via))
        name, state = await stream.event()
        receipt = state["receipt"]
        copies = [receipt["postgres"], *receipt["dynamodb"].values()]
        assert (name, len([each for each in copies if each])) == ("journey", number)
        assert state["complete"] == (number == 3)
    assert await stream.event() == ("end", {"reason": "complete"})
    assert await stream.event() == ("", None)
    await stream.task


async def test_reports_between_two_messages_make_one(app: Quart) -> None:
    stream, address = await open_stream(app)
    for store, via in WAYS:
        app.extensions[ADDRESSES].take(report(address, store, via))
    assert (await stream.event())[1]["complete"]
    assert await stream.event() == ("end", {"reason": "complete"})


async def test_what_can_never_be_stored_ends_it_once_the_other_ways_have_it(app: Quart) -> None:
    stream, address = await open_stream(app)
    for store, via in WAYS[1:]:
        app.extensions[ADDRESSES].take(report(address, store, via))
    assert not (await stream.event())[1]["complete"]
    app.extensions[ADDRESSES].take(report(address, "postgres", "sqs", "conflict"))
    letter = {"store": "postgres", "via": "sqs", "reason": "conflict"}
    assert (await stream.event())[1]["dead_letters"] == [letter]
    assert await stream.event() == ("end", {"reason": "dead_letter"})


async def test_a_stop_ends_streams_without_an_end_and_lets_none_begin(app: Quart) -> None:
    stream, _ = await open_stream(app)
    app.extensions[ADDRESSES].stop()
    assert (await stream.event())[0] == "journey"
    assert await stream.event() == ("", None)  # the client comes back, to another process
    assert await Stream(app, scope("/events/1/journey", "source=s")).begun() == 503


async def test_a_client_that_goes_frees_its_place(app: Quart, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journeys, "MAX_JOURNEYS", 1)
    stream, address = await open_stream(app)
    assert await Stream(app, scope("/events/1/journey", "source=s")).begun() == 503
    stream.gone.set()
    await asyncio.wait_for(stream.task, 5)
    assert address not in app.extensions[ADDRESSES]._listeners
    await open_stream(app)


async def test_comments_keep_a_silent_stream_open(app: Quart, monkeypatch: pytest.MonkeyPatch) -> None:
    assert journey_stream.HEARTBEAT_S < 60 / 2
    monkeypatch.setattr(journey_stream, "HEARTBEAT_S", 0.0)
    stream, _ = await open_stream(app)
    for _ in range(2):
        assert (await asyncio.wait_for(stream.sent.get(), 5))["body"] == b":\n\n"


async def test_a_key_is_asked_for_and_a_revoked_one_ends_the_stream(settings: GatewaySettings, tmp_path: Path) -> None:
    key, line = new("shop")
    keys = tmp_path / "keys"
    keys.write_text(line + "\n")
    app = create_app(dataclasses.replace(settings, keys_file=str(keys)))
    assert await Stream(app, scope("/events/a/journey", "source=s")).begun() == 401
    stream, _ = await open_stream(app, authorization=f"Bearer {key}")
    keys.write_text(f"{line} revoked\n")
    assert await stream.event() == ("end", {"reason": "key_revoked"})
    assert await stream.event() == ("", None)
    await app.extensions[ADDRESSES].close()


async def test_a_key_may_not_take_every_place(
    settings: GatewaySettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journeys, "MAX_JOURNEYS_OF_KEY", 1)
    (shop, of_shop), (web, of_web) = new("shop"), new("web")
    keys = tmp_path / "keys"
    keys.write_text(f"{of_shop}\n{of_web}\n")
    app = create_app(dataclasses.replace(settings, keys_file=str(keys)))
    first, _ = await open_stream(app, authorization=f"Bearer {shop}")
    second = Stream(app, scope("/events/1/journey", "source=s", authorization=f"Bearer {shop}"))
    assert await second.begun() == 429
    assert "close one" in msgspec.json.decode((await second.sent.get())["body"])["detail"]
    await open_stream(app, authorization=f"Bearer {web}")
    first.gone.set()
    await asyncio.wait_for(first.task, 5)
    await open_stream(app, authorization=f"Bearer {shop}")
    await app.extensions[ADDRESSES].close()


async def test_a_journey_counts_against_the_rate_of_its_key(settings: GatewaySettings) -> None:
    app = create_app(dataclasses.replace(settings, key_events_per_s=0.01, key_burst_events=2))
    assert await Stream(app, scope("/events/1/journey", "source=s", method="HEAD")).begun() == 200  # opens none
    for _ in range(2):
        await open_stream(app)
    refused = Stream(app, scope("/events/1/journey", "source=s"))
    start = await refused.sent.get()
    assert (start["status"], int(dict(start["headers"])[b"retry-after"]) > 1) == (429, True)
    await app.extensions[ADDRESSES].close()


async def test_head_has_the_headers_and_no_stream(app: Quart) -> None:
    stream = Stream(app, scope("/events/1/journey", "source=s", method="HEAD"))
    start = await stream.sent.get()
    assert (start["status"], dict(start["headers"])[b"content-type"]) == (200, b"text/event-stream; charset=utf-8")
    assert (await stream.sent.get()) == {"type": "http.response.body", "body": b"", "more_body": False}
    assert not app.extensions[ADDRESSES]._listeners


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "QUERY"])
async def test_another_method_is_told_which_are_known(app: Quart, method: str) -> None:
    stream = Stream(app, scope("/events/1/journey", "source=s", method=method))
    start = await stream.sent.get()
    assert (start["status"], dict(start["headers"])[b"allow"]) == (405, b"GET, HEAD")


@pytest.mark.parametrize(
    ("path", "query", "named"),
    [
        ("/events/1/journey", "", {"source": "required"}),
        ("/events/1/journey", "source=", {"source": "empty"}),
        ("/events/1/journey", "source=s&source=s", {"source": "repeated-parameter"}),
        ("/events/1/journey", "source=s&id=1&x", {"id": "unknown-parameter", "x": "unknown-parameter"}),
        ("/events/1/journey", "source=%ff", {"source": "not-utf8"}),
        ("/events/%00/journey", "source=s", {"id": "impossible-character"}),
        ("/events//journey", "source=s", {"id": "empty"}),
        (f"/events/{'x' * 513}/journey", f"source={'y' * 513}", {"id": "too-long", "source": "too-long"}),
    ],
)
async def test_a_wrong_parameter_is_a_problem_that_names_it(
    app: Quart, path: str, query: str, named: dict[str, str]
) -> None:
    stream = Stream(app, scope(path, query))
    assert await stream.begun() == 400
    problem = msgspec.json.decode((await stream.sent.get())["body"])
    assert problem["type"] == "urn:mensageria:problem:invalid-parameters"
    assert {fault["parameter"]: fault["code"] for fault in problem["errors"]} == named


@given(source=PART, id_=PART)
def test_any_identity_can_be_followed(source: str, id_: str) -> None:
    asked: Any = scope(f"/events/{quote(id_, safe='')}/journey", f"source={quote(source, safe='')}")
    assert is_journey(asked["raw_path"])
    assert parse_identity(asked) == (source, id_)


@given(path=st.binary(), query=st.binary())
def test_whatever_is_asked_is_an_identity_or_a_problem(path: bytes, query: bytes) -> None:
    asked: Any = scope("") | {"raw_path": b"/events/" + path + b"/journey", "query_string": query}
    try:
        parts: tuple[str, ...] = parse_identity(asked)
    except InvalidParameters as error:
        parts = tuple(error.faults)
    assert parts
    assert all(len(part.encode()) <= 512 for part in parts)
