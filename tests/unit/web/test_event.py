"""`/event`: one event, its receipt, and its journey while it is under way."""

import json
from collections.abc import AsyncGenerator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from quart.typing import TestClientProtocol as Client

from pipeline.core.clock import now, rfc3339
from pipeline.core.settings.tools import HealthSettings
from pipeline.core.settings.web import WebSettings
from tests.support.edge import Edge
from web import context
from web.app import create_app
from web.events.follow import Sighting, Sought, look

TAKEN = "2026-11-23T15:24:00.000000Z"
ADDRESS = "/event?source=/s&id=1"
UNKNOWN = (404, {"status": 404, "detail": "no store has it"})
HOSTILE = "<script>alert(1)</script>"


def copy(via: str, milliseconds: int) -> dict[str, Any]:
    stored_at = datetime(2026, 11, 23, 15, 24, tzinfo=UTC) + timedelta(milliseconds=milliseconds)
    return {"stored_at": rfc3339(stored_at), "via": via, "origin": {"queue": "events-b", "message_id": HOSTILE}}


def record(event: dict[str, Any] | None = None, *, complete: bool = True, **more: Any) -> tuple[int, dict[str, Any]]:
    late = copy("sqs", 130) if complete else None
    return 200, {
        "source": "/s",
        "id": "1",
        "event": {"specversion": "1.0", "id": "1", "source": "/s", "type": "t"} | (event or {}),
        "receipt": {
            "received_at": TAKEN,
            "postgres": copy("sqs", 80),
            "dynamodb": {"sqs": late, "kafka": copy("kafka", 60)},
        },
        "complete": complete,
        "conflict": False,
        "partial": False,
        "unavailable": [],
    } | more


async def text_of(pages: Client, address: str, status: int = 200, language: str = "en") -> str:
    answer = await pages.get(address, headers={"accept-language": language})
    assert answer.status_code == status
    return await answer.get_data(as_text=True)


async def test_a_complete_event_has_all_its_times_and_is_not_followed(pages: Client, edge: Edge) -> None:
    edge.answer("/stage/event", record({"data": {"n": 12345678901234567890123}}))
    text = await text_of(pages, ADDRESS)
    assert "130 ms after the gateway took it" in text
    assert all(time in text for time in ("+80 ms", "SQS +130 ms", "Kafka +60 ms"))
    assert "&#34;n&#34;: 12345678901234567890123" in text
    assert "live.js" not in text
    assert edge.queries == [{"source": "/s", "id": "1"}]


async def test_all_that_is_the_events_own_is_escaped(pages: Client, edge: Edge) -> None:
    event = {"type": HOSTILE, "subject": "\u202egpj.exe", "data": {HOSTILE: HOSTILE}, "ext<b>": True}
    edge.answer("/stage/event", record(event))
    text = await text_of(pages, ADDRESS)
    assert "<script>" not in text
    assert "<b>" not in text
    assert "\u202e" not in text
    assert r"\u202egpj.exe" in text


async def test_text_bytes_and_nothing_are_shown_as_what_they_are(pages: Client, edge: Edge) -> None:
    edge.answer("/stage/event", record({"data": "plain <text>"}), record({"data_base64": "AAEC"}), record())
    assert '<code id="data">plain &lt;text&gt;</code>' in await text_of(pages, ADDRESS)
    assert '<code id="data">AAEC</code>' in await text_of(pages, ADDRESS)
    assert "This event has no data." in await text_of(pages, ADDRESS)


async def test_partial_answers_and_conflicts_are_said(pages: Client, edge: Edge) -> None:
    edge.answer("/stage/event", record(conflict=True, partial=True, unavailable=["dynamodb"]))
    text = await text_of(pages, ADDRESS)
    assert "no answer from DynamoDB" in text
    assert "Two events with different content" in text


async def test_an_accepted_event_that_no_store_has_is_on_its_way(pages: Client, edge: Edge) -> None:
    edge.answer("/stage/event", UNKNOWN)
    text = await text_of(pages, f"{ADDRESS}&received_at={rfc3339(now())}")
    assert "No store has it yet" in text
    assert 'data-live="/event/journey?source=/s&amp;id=1&amp;received_at=' in text
    assert '<noscript><meta http-equiv="refresh"' in text


async def test_an_unknown_event_is_a_page_that_helps(pages: Client, edge: Edge) -> None:
    edge.answer("/stage/event", UNKNOWN)
    for stale in ("", f"&received_at={TAKEN}", "&received_at=x", "&received_at=2999-01-01T00:00:00Z"):
        text = await text_of(pages, ADDRESS + stale, status=404)
        assert 'href="/events?source=/s"' in text


async def test_a_query_that_is_down_does_not_hide_an_accepted_event(pages: Client, edge: Edge) -> None:
    edge.answer("/stage/event", (503, {"status": 503}))
    assert "The query does not answer" in await text_of(pages, ADDRESS, status=503)
    text = await text_of(pages, f"{ADDRESS}&received_at={rfc3339(now())}")
    assert "It keeps asking" in text


@pytest.mark.parametrize("given", ["", "?source=/s", "?id=1", "?source=&id=", "?id=&source=/s"])
@pytest.mark.parametrize(("language", "title"), [("en", "Which event?"), ("pt-BR", "Qual evento?")])
async def test_without_source_or_id_the_page_asks_for_them(
    pages: Client, given: str, language: str, title: str
) -> None:
    text = await text_of(pages, f"/event{given}", status=400, language=language)
    assert title in text
    assert 'method="get" action="/event"' in text
    assert [('name="source" value="/s"' in text), ('name="id" value="1"' in text)] == ["/s" in given, "=1" in given]


@pytest.mark.parametrize("address", ["/event/journey", "/event/json?source=/s"])
async def test_what_no_person_opens_is_refused_without_source_or_id(pages: Client, address: str) -> None:
    await text_of(pages, address, status=400)


async def test_the_journey_tells_each_change_once_and_ends_when_complete(pages: Client, edge: Edge) -> None:
    partly = record(complete=False)
    edge.answer("/stage/event", UNKNOWN, UNKNOWN, (503, {"status": 503}), partly, partly, record())
    answer = await pages.get(f"/event/journey?source=/s&id=1&received_at={rfc3339(now())}")
    text = await answer.get_data(as_text=True)
    assert answer.content_type == "text/event-stream"
    messages = text.removesuffix("\n\n").split("\n\n")
    assert [message.split("\n")[0] for message in messages] == ["event: parts"] * 4 + ["event: end"]
    assert "No store has it yet" in messages[0]
    assert "It keeps asking" in messages[1]
    assert "2 of 3 ways have arrived." in messages[2]
    assert "Stored everywhere" in messages[3]


async def test_data_with_line_ends_does_not_break_out_of_its_message(pages: Client, edge: Edge) -> None:
    edge.answer("/stage/event", record({"data": "a\r\n\nevent: end\revent: end"}))
    answer = await pages.get("/event/journey?source=/s&id=1")
    lines = (await answer.get_data(as_text=True)).replace("\r\n", "\n").replace("\r", "\n").split("\n")
    assert [line for line in lines if line.startswith("event:")] == ["event: parts", "event: end"]


async def test_a_journey_is_let_go_when_the_process_stops(edge: Edge) -> None:
    edge.answer("/stage/event", UNKNOWN)
    app = create_app(WebSettings(gateway_url=edge.url, query_url=f"{edge.url}/stage"))
    context.of(app).closing.set()
    async with app.test_app() as running:
        answer = await running.test_client().get("/event/journey?source=/s&id=1")
        assert await answer.get_data() == b""


async def endless() -> AsyncGenerator[str, None]:
    while True:
        yield ""


async def test_only_so_many_journeys_are_followed_at_once(edge: Edge) -> None:
    app = create_app(WebSettings(gateway_url=edge.url, query_url=f"{edge.url}/stage"))
    context.of(app).streams.update(endless() for _ in range(50))
    async with app.test_app() as running:
        answer = await running.test_client().get("/event/journey?source=/s&id=1")
        assert answer.status_code == 503
        assert answer.headers["retry-after"] == "5"


async def test_what_is_late_is_said_with_whether_its_service_works(edge: Edge) -> None:
    edge.answer("/stage/event", record(complete=False))
    edge.answer("/c/readyz", (200, {}))
    edge.answer("/b/readyz", (503, {}))
    health = HealthSettings(service_b_url=f"{edge.url}/b", service_c_url=f"{edge.url}/c")
    app = create_app(WebSettings(gateway_url=edge.url, query_url=f"{edge.url}/stage", health=health))
    async with app.test_app() as running:
        text = await text_of(running.test_client(), ADDRESS)
        edge.answer("/stage/event", UNKNOWN)
        fresh = Sought("/s", "1", now())
        assert await look(context.of(app).edges, fresh) == Sighting(None, reachable=True)
        late = await look(context.of(app).edges, replace(fresh, accepted_at=now() - timedelta(seconds=4)))
    assert "Service C works, but it is late with this event" in text
    assert 'data-late="service_b"' not in text
    assert late == Sighting(None, reachable=True, is_late=True, silent=frozenset({"service_b"}))


async def test_a_store_that_is_down_is_drawn_so(pages: Client, edge: Edge) -> None:
    edge.answer("/stage/event", record(complete=False, partial=True, unavailable=["dynamodb"]))
    text = await text_of(pages, ADDRESS)
    assert 'data-hop="dynamodb" data-state="down"' in text


async def test_a_heavy_event_is_shown_in_part_and_can_be_downloaded_whole(pages: Client, edge: Edge) -> None:
    edge.answer("/stage/event", record({"data": {"x": "<b>" * 60_000, "n": 1.10}}))
    text = await text_of(pages, ADDRESS)
    assert len(text.encode()) < 150_000 + 4 * 40_000
    assert "Only the beginning is shown" in text
    answer = await pages.get("/event/json?source=/s&id=1")
    assert json.loads(await answer.get_data())["data"]["x"] == "<b>" * 60_000
    assert answer.headers["content-disposition"] == 'attachment; filename="event.json"'
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(("flags", "is_linked"), [("01", True), ("00", False)])
async def test_a_trace_that_was_recorded_is_linked(edge: Edge, flags: str, is_linked: bool) -> None:
    status, found = record()
    found["receipt"]["postgres"]["origin"]["traceparent"] = f"00-{'a' * 32}-{'b' * 16}-{flags}"
    edge.answer("/stage/event", (status, found))
    settings = WebSettings(query_url=f"{edge.url}/stage", trace_url="http://traces/trace/{trace_id}")
    async with create_app(settings).test_app() as running:
        text = await text_of(running.test_client(), ADDRESS)
    assert (f'href="http://traces/trace/{"a" * 32}"' in text) is is_linked
