"""Events of one key stay in order on the topic, however they are published."""

import itertools
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer
from playwright.async_api import Route, expect

from stack.http_client import http_client
from tests.e2e.browsing import chromium, opened
from tests.support.mensageria import Tool
from tests.support.waiting import until

Publish = Callable[[dict[str, str], Tool, list[dict[str, Any]]], Awaitable[None]]
BATCH = {"content-type": "application/cloudevents-batch+json"}
ONE = {"content-type": "application/cloudevents+json"}
KEYS = ["cart-9", "cart-é"]
"""The events' keys take turns."""


def lines_of(events: list[dict[str, Any]]) -> str:
    return "\n".join(map(json.dumps, events))


async def by_command(_: dict[str, str], tool: Tool, events: list[dict[str, Any]]) -> None:
    ended = await tool("publish", "--lines", "-", given=lines_of(events).encode())
    assert ended.code == 0, ended.err


async def by_page(endpoints: dict[str, str], _: Tool, events: list[dict[str, Any]]) -> None:
    async with http_client(base_url=endpoints["web"], timeout=60) as client:
        answer = await client.post("/many", data={"lines": lines_of(events)})
    assert answer.text.count('data-state="accepted"') == len(events), answer.text


async def by_script(endpoints: dict[str, str], _: Tool, events: list[dict[str, Any]]) -> None:
    """The same page with its script, which sends the lines in pieces; one piece is refused at first."""
    pieces = itertools.count()

    async def refuse_one(route: Route) -> None:
        if route.request.method == "POST" and next(pieces) == 1:
            await route.fulfill(status=503)
        else:
            await route.continue_()

    async with chromium() as browser, opened(browser, endpoints["web"], refusals=True) as page:
        await page.route("**/many", refuse_one)
        await page.goto("/many")
        await page.get_by_label("Lines", exact=True).fill(lines_of(events))
        await page.get_by_role("button", name="Publish the lines").click()
        await expect(page.locator("#tally")).to_have_text(f"{len(events)} of {len(events)} accepted", timeout=60_000)
        await expect(page.locator("#results [data-state=unsent]")).to_have_count(0)
    assert next(pieces) > 2


async def by_batch(endpoints: dict[str, str], _: Tool, events: list[dict[str, Any]]) -> None:
    async with http_client(base_url=endpoints["gateway"], timeout=60) as client:
        answer = await client.post("/events", content=json.dumps(events), headers=BATCH)
    assert answer.status_code == 202, answer.text


async def by_requests(endpoints: dict[str, str], _: Tool, events: list[dict[str, Any]]) -> None:
    """One after the other on one connection."""
    async with http_client(base_url=endpoints["gateway"], timeout=60) as client:
        for event in events:
            answer = await client.post("/events", content=json.dumps(event), headers=ONE)
            assert answer.status_code == 202, answer.text


@pytest.mark.parametrize("keys", [KEYS[:1], KEYS], ids=["one key", "two keys in turn"])
@pytest.mark.parametrize("publish", [by_command, by_page, by_script, by_batch, by_requests])
async def test_events_of_one_key_are_in_one_partition_in_the_order_they_were_sent(
    aws: dict[str, str], system: Any, source: str, scale: float, publish: Publish, keys: list[str]
) -> None:
    count = int(400 * max(scale, 0.5))
    common = {"specversion": "1.0", "source": source, "type": "ordered"}
    events = [
        common | {"id": f"o-{number:04}", "partitionkey": keys[number % len(keys)], "data": number}
        for number in range(count)
    ]
    async with reading(aws) as consumer:
        await publish(aws, Tool(system.home), events)
        found = await on_the_topic(consumer, source, count)
    for place, key in enumerate(keys):
        [(partition, numbers)] = [(partition, found[partition, each]) for partition, each in found if each == key]
        assert numbers == list(range(place, count, len(keys))), (key, partition)


async def test_events_of_one_id_reach_the_topic_in_the_order_of_their_lines(
    aws: dict[str, str], system: Any, source: str
) -> None:
    """Without a `partitionkey` the id is the key."""
    common = {"specversion": "1.0", "source": source, "type": "ordered", "id": "same"}
    events = [common | {"data": number} for number in range(20)]
    async with reading(aws) as consumer:
        await by_command(aws, Tool(system.home), events)
        [numbers] = (await on_the_topic(consumer, source, len(events))).values()
    assert numbers == list(range(len(events)))


@asynccontextmanager
async def reading(endpoints: dict[str, str]) -> AsyncIterator[AIOKafkaConsumer]:
    """Reads the topic from its end as it is now."""
    async with AIOKafkaConsumer(endpoints["kafka_topic"], bootstrap_servers=endpoints["kafka"]) as consumer:
        for partition in consumer.assignment():
            await consumer.position(partition)
        yield consumer


async def on_the_topic(consumer: AIOKafkaConsumer, source: str, count: int) -> dict[tuple[int, str], list[int]]:
    """The data of the `count` events of `source` by partition and key, in the order of their offsets."""
    found: dict[tuple[int, str], list[int]] = {}

    async def read() -> bool:
        for partition, records in (await consumer.getmany(timeout_ms=500)).items():
            for record in records:
                if record.value and source.encode() in record.value:
                    key = (partition.partition, record.key.decode())
                    found.setdefault(key, []).append(json.loads(record.value)["data"])
        return sum(map(len, found.values())) >= count

    await until(read, within_s=30)
    return found
