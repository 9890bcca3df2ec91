"""`/events`: filters that live in the address, and honest lists."""

import time
from asyncio import timeout
from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from quart.typing import TestClientProtocol as Client

from lambda_query.parameters import parse_list
from operations.http_api import LISTED, HttpApi
from pipeline.core.clock import rfc3339
from pipeline.core.errors import InvalidParameters
from pipeline.core.settings.shared import ApiSettings
from pipeline.core.settings.web import WebSettings
from tests.support.edge import Edge
from web.app import create_app
from web.edges import Edges
from web.events.news import News, begin
from web.site.template_filters import local_time

ROW = {
    "source": "/s?a&b",
    "id": "é/1",
    "type": "<b>t</b>",
    "subject": None,
    "time": None,
    "received_at": "2026-11-23T15:24:00Z",
    "stores": ["postgres", "dynamodb"],
}


def listing(*rows: dict[str, Any], **more: Any) -> tuple[int, dict[str, Any]]:
    return 200, {"events": list(rows), "next": None, "partial": False, "unavailable": []} | more


async def text_of(pages: Client, address: str, status: int = 200) -> str:
    answer = await pages.get(address)
    assert answer.status_code == status
    return await answer.get_data(as_text=True)


async def test_a_row_leads_to_its_event(pages: Client, edge: Edge) -> None:
    edge.answer("/stage/events", listing(ROW))
    text = await text_of(pages, "/events")
    assert '<a href="/event?source=/s?a%26b&amp;id=%C3%A9/1"><bdi>&lt;b&gt;t&lt;/b&gt;</bdi></a>' in text
    assert '<time class="moment" datetime="2026-11-23T15:24:00.000000Z">23 Nov 2026, 15:24:00 UTC</time>' in text
    assert edge.queries == [{"fields": LISTED}]


@pytest.fixture
def far_from_utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "America/Sao_Paulo")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("far_from_utc")
async def test_filters_go_to_the_query_and_stay_on_the_page(pages: Client, edge: Edge) -> None:
    edge.answer("/stage/events", listing(ROW, next="c2"))
    text = await text_of(pages, "/events?store=postgres&type=t&source=&from=2026-11-23T15:24&cursor=c1&other=1")
    assert edge.queries == [
        {"fields": LISTED, "store": "postgres", "type": "t", "from": "2026-11-23T15:24:00.000000Z", "cursor": "c1"}
    ]
    assert '<option value="postgres" selected>' in text
    assert 'value="2026-11-23T15:24:00"' in text
    assert 'rel="next" href="/events?cursor=c2&amp;store=postgres&amp;type=t&amp;from=2026-11-23T15:24"' in text
    assert 'href="/events?store=postgres&amp;type=t&amp;from=2026-11-23T15:24">Back to the newest' in text


async def test_an_id_is_asked_for_as_it_is(pages: Client, edge: Edge) -> None:
    edge.answer("/stage/events", listing(ROW))
    text = await text_of(pages, "/events?id=%20a%2Bb%20%22&source=%20/s%20")
    assert edge.queries == [{"fields": LISTED, "id": ' a+b "', "source": "/s"}]
    assert 'id="id" name="id" value=" a+b &#34;"' in text


async def test_a_page_without_events_leads_to_the_next_one(pages: Client, edge: Edge) -> None:
    edge.answer("/stage/events", listing(next="c2"), listing())
    text = await text_of(pages, "/events?id=x")
    assert ("Nothing so far" in text, "No event fits" in text) == (True, False)
    assert 'rel="next" href="/events?cursor=c2&amp;id=x"' in text
    assert "No event fits" in await text_of(pages, "/events?cursor=c2&id=x")


@pytest.mark.parametrize(("address", "said"), [("/events", "No events yet"), ("/events?type=x", "No event fits")])
async def test_an_empty_list_says_what_to_do(pages: Client, edge: Edge, address: str, said: str) -> None:
    edge.answer("/stage/events", listing())
    assert said in await text_of(pages, address)


async def test_a_partial_list_says_so(pages: Client, edge: Edge) -> None:
    edge.answer("/stage/events", listing(ROW, partial=True, unavailable=["postgres"]))
    assert "no answer from PostgreSQL" in await text_of(pages, "/events")


async def test_a_refused_search_names_the_field_and_keeps_the_rest(pages: Client, edge: Edge) -> None:
    errors = [{"parameter": "from", "detail": "<is> wrong"}, {"parameter": "cursor", "detail": "is foreign"}]
    edge.answer("/stage/events", (400, {"status": 400, "errors": errors}))
    text = await text_of(pages, "/events?from=yesterday&type=t", status=400)
    assert 'id="from-fault"><span class="fault"><bdi lang="en">&lt;is&gt; wrong</bdi>' in text
    assert '<code>cursor</code> <bdi lang="en">is foreign</bdi>' in text
    assert 'id="from" name="from" type="datetime-local" step="1" value="" aria-invalid="true"' in text
    assert 'id="type" name="type" value="t"' in text
    assert edge.queries == [{"fields": LISTED, "from": "yesterday", "type": "t"}]


async def test_a_refusal_without_faults_is_shown_as_it_is(pages: Client, edge: Edge) -> None:
    edge.answer("/stage/events", (403, {"status": 403, "detail": "not <yours>"}))
    assert '<p lang="en"><bdi>not &lt;yours&gt;</bdi></p>' in await text_of(pages, "/events", status=400)


async def test_a_fault_of_the_query_is_told_in_the_readers_language(pages: Client, edge: Edge) -> None:
    with pytest.raises(InvalidParameters) as raised:
        parse_list("store=redis&from=yesterday", b"k")
    errors = [{"parameter": name, **asdict(fault)} for name, fault in raised.value.faults.items()]
    edge.answer("/stage/events", (400, {"status": 400, "errors": errors}))
    answer = await pages.get("/events?store=redis", headers={"accept-language": "pt"})
    text = await answer.get_data(as_text=True)
    assert "<bdi>deve ser um destes: both, postgres, dynamodb</bdi>" in text
    assert "<bdi>deve ser uma data e hora segundo a RFC 3339, com o fuso, como 2026-11-23T15:24:00Z" in text
    assert "(em uma URL, + é %2B)" in text


@pytest.mark.parametrize("time", ["0001-01-01T00:00+05:00", "9999-12-31T23:59-14:00"])
async def test_a_time_that_utc_does_not_have_is_left_to_the_query_to_refuse(
    pages: Client, edge: Edge, time: str
) -> None:
    edge.answer("/stage/events", (400, {"status": 400, "errors": [{"parameter": "from", "detail": "no"}]}))
    text = await text_of(pages, f"/events?from={quote(time)}", status=400)
    assert 'id="from" name="from" type="datetime-local" step="1" value="" aria-invalid="true"' in text
    assert edge.queries == [{"fields": LISTED, "from": time}]


async def test_a_time_of_another_zone_stands_in_utc(pages: Client, edge: Edge) -> None:
    edge.answer("/stage/events", listing())
    text = await text_of(pages, "/events?from=0987-01-01T00:00:01-03:00")
    assert 'value="0987-01-01T03:00:01"' in text
    assert edge.queries == [{"fields": LISTED, "from": "0987-01-01T03:00:01.000000Z"}]


@pytest.mark.parametrize("answer", [(503, {}), (200, {"events": 1}), (502, "x")])
async def test_a_query_that_is_down_is_a_page_that_says_so(pages: Client, edge: Edge, answer: tuple[int, Any]) -> None:
    edge.answer("/stage/events", answer)
    assert "The query does not answer" in await text_of(pages, "/events", status=503)


async def test_new_events_of_the_list_are_counted(edge: Edge) -> None:
    ahead = ROW | {"id": "ahead", "received_at": "2027-01-01T00:00:00Z"}
    late = ROW | {"received_at": "2019-01-01T00:00:00Z"}
    edge.answer("/stage/events", listing())
    begun = {"resume_from": "2026-11-23T15:24:00.000000Z"}
    edge.answer("/stage/stored", listing(**begun), listing(ahead, **begun), listing(ahead, late, **begun))
    app = create_app(WebSettings(gateway_url=edge.url, query_url=f"{edge.url}/stage"))
    async with app.test_app() as running:
        client = running.test_client()
        assert 'data-live="/events/news?since=20' in await text_of(client, "/events?type=t")
        async with client.request("/events/news?since=2026-11-23T15:24:00Z&type=t") as connection, timeout(10):
            await connection.send_complete()
            found = await connection.receive()
            while b"2 new events" not in found:
                found += await connection.receive()
            await connection.disconnect()
    assert found.startswith(b"event: parts")
    assert b"1 new event: show it" in found


async def test_what_dynamodb_alone_tells_is_new_where_it_was_not_on_the_page(edge: Edge) -> None:
    newer = ROW | {"id": "newer"}
    edge.answer("/stage/events", listing(ROW), listing(newer, ROW))
    edge.answer("/stage/stored", (503, {"unavailable": ["postgres"]}))
    api = HttpApi(httpx.AsyncClient(), ApiSettings(gateway_url=edge.url, query_url=f"{edge.url}/stage"))
    both = Edges(httpx.AsyncClient(), api, api, WebSettings(query_url=edge.url))
    for filters in ({}, {"store": "dynamodb"}):
        edge.answer("/stage/events", listing(ROW), listing(newer, ROW))
        counted = News(both, filters, await begin(both, filters))
        assert [await counted.count(), await counted.count()] == [0, 1]


@pytest.mark.parametrize("exact", ["2026-10-25T00:30:00.123456Z", "2026-11-01T01:30:00.5-04:00"])
async def test_a_time_that_is_not_changed_is_asked_for_as_it_was(pages: Client, edge: Edge, exact: str) -> None:
    edge.answer("/stage/events", listing())
    shown = local_time(exact)
    text = await text_of(pages, f"/events?to={quote(exact)}")
    assert f'value="{shown}"' in text
    assert f'<input type="hidden" name="to_exact" value="{exact}">' in text
    await text_of(pages, f"/events?to={quote(shown)}&to_exact={quote(exact)}")
    await text_of(pages, f"/events?to=2026-11-23T15:24:00&to_exact={quote(exact)}")
    asked = [query["to"] for query in edge.queries]
    assert asked == [rfc3339(datetime.fromisoformat(exact))] * 2 + ["2026-11-23T15:24:00.000000Z"]


@pytest.mark.parametrize("address", ["/events?to=2026-11-23T15:24", "/events?cursor=c"])
async def test_a_list_with_an_end_hears_of_nothing_new(pages: Client, edge: Edge, address: str) -> None:
    edge.answer("/stage/events", listing(ROW))
    assert "data-live" not in await text_of(pages, address)
