"""Events of one moment, through the public edges."""

import itertools
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from stack.http_client import http_client
from tests.integration.mensageria import Tool
from tests.waiting import until

BATCH = {"content-type": "application/cloudevents-batch+json"}
ONE = {"content-type": "application/cloudevents+json"}
JSON = "application/json"
STORES = ["both", "postgres", "dynamodb"]
ORDERS = ["asc", "desc"]
IN_THE_ORDER_OF_UTF_8 = ["Z", "a", "e\u0301", "\u00e9", "\uffee", "\U00010000", "\U0001f600"]


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
