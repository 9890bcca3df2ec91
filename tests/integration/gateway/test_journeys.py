"""`GET /events/{id}/journey`: what the services report of any event, asked for before or after it was published."""

import asyncio
import json
import os
import signal
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from stack.http_client import http_client
from tests.support.gateway_process import answers, gateway
from tests.support.waiting import until


async def journey(client: httpx.AsyncClient, source: str, id_: str) -> AsyncGenerator[tuple[str, dict[str, Any]], None]:
    """The server-sent events of the journey."""
    address = f"/events/{quote(id_, safe='')}/journey"
    async with client.stream("GET", address, params={"source": source}, timeout=60) as answer:
        assert (answer.status_code, answer.headers["content-type"]) == (200, "text/event-stream; charset=utf-8")
        name = ""
        async for line in answer.aiter_lines():
            if line.startswith("event: "):
                name = line.removeprefix("event: ")
            elif line.startswith("data: "):
                yield name, json.loads(line.removeprefix("data: "))


async def to_the_end(client: httpx.AsyncClient, source: str, id_: str) -> list[tuple[str, dict[str, Any]]]:
    async with asyncio.timeout(40):
        return [each async for each in journey(client, source, id_)]


async def publish(client: httpx.AsyncClient, source: str, id_: str, data: Any = 1) -> None:
    answer = await client.post("/events", json={"type": "t", "source": source, "id": id_, "data": data})
    assert answer.status_code == 202


@pytest.fixture
async def client(aws: dict[str, str]) -> AsyncIterator[httpx.AsyncClient]:
    async with http_client(base_url=aws["gateway"], timeout=60) as one:
        yield one


async def receipt(aws: dict[str, str], source: str, id_: str) -> Any:
    async with http_client(base_url=aws["query"], timeout=30) as one:
        return (await one.get("/event", params={"source": source, "id": id_})).json()["receipt"]


async def test_a_journey_that_is_followed_before_it_begins_is_told_way_by_way(
    aws: dict[str, str], client: httpx.AsyncClient, source: str
) -> None:
    told = []
    async with asyncio.timeout(40), aclosing(journey(client, source, "a/é 1")) as events:
        async for event in events:
            told.append(event)
            if len(told) == 1:
                await publish(client, source, "a/é 1")
    assert told[0][1]["receipt"] == {"received_at": None, "postgres": None, "dynamodb": {"sqs": None, "kafka": None}}
    assert [name for name, _ in told] == ["journey"] * (len(told) - 1) + ["end"]
    assert told[-1] == ("end", {"reason": "complete"})
    assert told[-2][1]["complete"]
    assert told[-2][1]["receipt"] == await receipt(aws, source, "a/é 1")


async def test_an_event_that_is_stored_already_is_told_at_once(
    aws: dict[str, str], client: httpx.AsyncClient, source: str
) -> None:
    answer = await client.post(
        "/events", json={"type": "t", "source": source, "id": "1", "data": 1}, headers={"prefer": "wait=30"}
    )
    assert answer.status_code == 201
    told = await to_the_end(client, source, "1")
    assert told[-1] == ("end", {"reason": "complete"})
    assert told[-2][1]["receipt"] == await receipt(aws, source, "1")


async def test_an_event_of_another_gateway_and_one_of_no_gateway_are_told(
    aws: dict[str, str], client: httpx.AsyncClient, source: str, unused_tcp_port: int
) -> None:
    async with (
        gateway(aws, unused_tcp_port),
        http_client(base_url=f"http://127.0.0.1:{unused_tcp_port}", timeout=60) as other,
    ):
        await until(lambda: answers(other, "/readyz", 200), within_s=20)
        following = [asyncio.create_task(to_the_end(one, source, "1")) for one in (client, other, other)]
        await publish(client, source, "1")
        for told in await asyncio.gather(*following):
            assert told[-1] == ("end", {"reason": "complete"})


async def test_a_conflict_is_told_with_what_is_stored(client: httpx.AsyncClient, source: str) -> None:
    await publish(client, source, "1", "first")
    assert (await to_the_end(client, source, "1"))[-1] == ("end", {"reason": "complete"})
    told = await to_the_end(client, source, "1")  # of two contents the first one counts, as for GET /event
    assert told[-2][1]["receipt"]["postgres"]


async def test_a_service_that_is_killed_meanwhile_loses_no_journey(
    system: Any, client: httpx.AsyncClient, source: str
) -> None:
    async with asyncio.timeout(90), aclosing(journey(client, source, "1")) as events:
        await anext(events)
        for service in ("service-b", "service-c"):
            os.kill(system.pid(service), signal.SIGKILL)
        await publish(client, source, "1")
        told = [each async for each in events]
    assert told[-1] == ("end", {"reason": "complete"})


async def test_the_ordered_stop_of_a_gateway_ends_its_journeys(
    aws: dict[str, str], source: str, unused_tcp_port_factory: Callable[[], int]
) -> None:
    port = unused_tcp_port_factory()
    async with (
        gateway(aws, port, GATEWAY_DRAIN_S="2") as process,
        http_client(base_url=f"http://127.0.0.1:{port}", timeout=60) as other,
    ):
        await until(lambda: answers(other, "/readyz", 200), within_s=20)
        events = journey(other, source, "1")
        await anext(events)
        assert "http_journeys_open 1.0" in (await other.get("/metrics")).text
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(1.5):
            assert [name async for name, _ in events] in ([], ["journey"])
        assert 'http_journeys_total{outcome="stopping"} 1.0' in (await other.get("/metrics")).text
        assert await asyncio.wait_for(process.wait(), 10) == 0


async def test_a_client_that_goes_is_followed_for_no_longer(client: httpx.AsyncClient, source: str) -> None:
    async def gone() -> float:
        lines = (await client.get("/metrics")).text.splitlines()
        return next(float(line.split()[1]) for line in lines if line.startswith('http_journeys_total{outcome="gone"}'))

    before = await gone()
    async with aclosing(journey(client, source, "1")) as events:
        await anext(events)

    async def is_counted() -> bool:
        return await gone() == before + 1

    await until(is_counted, within_s=5)
