"""Events of one moment and ids with signs that addresses and shells use, through the public edges."""

import html
import itertools
import json
import re
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from stack.http_client import http_client
from tests.support.mensageria import Tool
from tests.support.waiting import until

BATCH = {"content-type": "application/cloudevents-batch+json"}
ONE = {"content-type": "application/cloudevents+json"}
JSON = "application/json"
STORES = ["both", "postgres", "dynamodb"]
ORDERS = ["asc", "desc"]
IN_THE_ORDER_OF_UTF_8 = ["Z", "a", "e\u0301", "\u00e9", "\uffee", "\U00010000", "\U0001f600"]
SIGNS = [
    *("a b", "a+b", "a%2Bb", "a%20b", "100%", "x/y", "../x", "ü?&#=;", "null", "-1", '"q"', "a\\b"),
    *(" lead", "trail ", "🦀", "é" * 256),
]


@pytest.fixture
async def gateway(aws: dict[str, str]) -> AsyncIterator[httpx.AsyncClient]:
    async with http_client(base_url=aws["gateway"], timeout=60) as client:
        yield client


@pytest.fixture
async def query(aws: dict[str, str]) -> AsyncIterator[httpx.AsyncClient]:
    async with http_client(base_url=aws["query"], timeout=60) as client:
        yield client


def event(source: str, id_: str) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": id_,
        "source": source,
        "type": "identity",
        "datacontenttype": JSON,
        "data": {"id": id_},
    }


async def publish(gateway: httpx.AsyncClient, source: str, ids: list[str]) -> None:
    """In one batch: one moment."""
    body = json.dumps([event(source, id_) for id_ in ids])
    answer = await gateway.post("/events", content=body, headers=BATCH)
    assert answer.status_code == 202, answer.text


async def listed(query: httpx.AsyncClient, **asked: Any) -> AsyncIterator[list[str]]:
    """The ids of a list, page by page."""
    cursor: dict[str, str] = {}
    while True:
        page = (await query.get("/events", params=asked | {"fields": "id"} | cursor)).raise_for_status().json()
        assert not page["partial"]
        yield [each["id"] for each in page["events"]]
        if page["next"] is None:
            return
        cursor = {"cursor": page["next"]}


async def whole_list(query: httpx.AsyncClient, **asked: Any) -> list[str]:
    return [id_ async for page in listed(query, **asked) for id_ in page]


async def arrived(query: httpx.AsyncClient, source: str, count: int) -> None:
    """Wait until both stores have them."""

    async def are_there() -> bool:
        found = [await whole_list(query, source=source, limit=200, store=store) for store in STORES[1:]]
        return all(len(ids) == count for ids in found)

    await until(are_there, within_s=60)


@pytest.mark.parametrize(
    ("ids", "limit"),
    [
        ([f"{number:03}" for number in range(300)], 7),
        (["x" * 504 + f"{number:08}" for number in range(60)], 3),
        (IN_THE_ORDER_OF_UTF_8, 2),
    ],
    ids=["many", "long", "signs"],
)
async def test_events_of_one_moment_are_listed_once_in_the_order_of_their_bytes(
    gateway: httpx.AsyncClient, query: httpx.AsyncClient, source: str, scale: float, ids: list[str], limit: int
) -> None:
    ids = ids[: max(int(len(ids) * scale), 21)]
    await publish(gateway, source, ids[::-1])
    await arrived(query, source, len(ids))
    for store, order in itertools.product(STORES, ORDERS):
        found = await whole_list(query, source=source, store=store, order=order, limit=limit)
        assert found == sorted(ids, key=str.encode, reverse=order == "desc"), (store, order)


async def test_a_walk_through_one_moment_has_each_event_once_while_more_arrive(
    gateway: httpx.AsyncClient, query: httpx.AsyncClient, system: Any, source: str
) -> None:
    ids = [f"{number:03}" for number in range(30)]
    await publish(gateway, source, ids)
    await arrived(query, source, len(ids))
    seen: list[str] = []
    async for page in listed(query, source=source, limit=7):
        if not seen:
            await publish(gateway, source, [f"later-{id_}" for id_ in ids])
        seen += page
    assert [id_ for id_ in seen if not id_.startswith("later-")] == ids[::-1]
    await arrived(query, source, 2 * len(ids))
    by_command = await Tool(system.home)("list", "--source", source, "--limit", "1000", "--json")
    assert sorted(line["id"] for line in by_command.lines) == sorted(ids + [f"later-{id_}" for id_ in ids])


async def test_a_list_from_a_moment_on_begins_with_the_newest(
    gateway: httpx.AsyncClient, query: httpx.AsyncClient, source: str
) -> None:
    received = []
    for number in range(5):
        answer = await gateway.post("/events", json=event(source, str(number)), headers=ONE)
        received.append(answer.json()["received_at"])
    await arrived(query, source, 5)
    asked = {"source": source, "from": received[0], "limit": 2, "fields": "id"}
    page = (await query.get("/events", params=asked)).json()
    assert [each["id"] for each in page["events"]] == ["4", "3"]


@pytest.mark.parametrize("ending", ["", "/s p+%2F?&#"], ids=["plain", "signs"])
async def test_an_id_with_any_signs_shows_its_own_event_everywhere(
    aws: dict[str, str],
    gateway: httpx.AsyncClient,
    query: httpx.AsyncClient,
    system: Any,
    source: str,
    scale: float,
    ending: str,
) -> None:
    source = f"{source}{ending}".replace(" ", "%20")  # a source is a URI-reference
    await publish(gateway, source, SIGNS)
    await arrived(query, source, len(SIGNS))
    await publish_in_binary_mode(gateway, source)
    by_command = SIGNS if scale == 1 else SIGNS[:: len(SIGNS) // 4]
    async with http_client(base_url=aws["web"], timeout=30) as web:
        links = await links_of(web, source)
        for id_ in SIGNS:
            found = (await query.get("/event", params={"source": source, "id": id_})).json()
            assert (found["id"], found["event"]["data"], found["conflict"]) == (id_, {"id": id_}, False)
            by_id = await whole_list(query, source=source, id=id_)
            assert by_id == [id_]
            await is_on_its_pages(web, links, source, id_)
    for id_ in by_command:
        got = await Tool(system.home)("get", "--json", "--", source, id_)
        assert got.lines[0]["event"]["data"] == {"id": id_}, got.err
        traced = await Tool(system.home)("trace", "--json", "--source", source, "--", id_)
        assert (traced.lines[0]["id"], traced.code) == (id_, 0), traced.err
    assert sorted(await whole_list(query, source=source)) == sorted(SIGNS)


async def publish_in_binary_mode(gateway: httpx.AsyncClient, source: str) -> None:
    """The same events: nothing changes."""
    for id_ in SIGNS:
        headers = {"specversion": "1.0", "id": quote(id_), "source": quote(source), "type": "identity"}
        sent = {f"ce-{name}": value for name, value in headers.items()} | {"content-type": JSON}
        answer = await gateway.post("/events", content=json.dumps({"id": id_}), headers=sent)
        assert answer.status_code == 202, answer.text


async def links_of(web: httpx.AsyncClient, source: str) -> list[str]:
    """Where the rows of the list of `source` lead."""
    text = (await web.get("/events", params={"source": source})).text
    return [html.unescape(link) for link in re.findall(r'<td><a href="(/event\?[^"]*)"', text)]


async def is_on_its_pages(web: httpx.AsyncClient, links: list[str], source: str, id_: str) -> None:
    """The event's own page is one of `links`; its download and its journey are its own."""
    asked = {"source": source, "id": id_}
    [link] = [link for link in links if dict(httpx.URL(f"http://web{link}").params) == asked]
    for page in (await web.get(link), await web.get("/event", params=asked)):
        assert (page.status_code, id_ in html.unescape(page.text)) == (200, True), id_
    assert (await web.get("/event/json", params=asked)).json()["id"] == id_
    async with web.stream("GET", "/event/journey", params=asked) as journey:
        assert journey.status_code == 200
        first = await anext(journey.aiter_lines())
    assert first.startswith("event:")
