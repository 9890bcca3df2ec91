"""Compares what was sent with what both stores and the dead letters hold, read directly."""

import asyncio
import base64
import json
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import aioboto3
import httpx
import psycopg2
from aiokafka import AIOKafkaConsumer, TopicPartition

from tests.chaos.sending import Sent

Place = tuple[str, str]
"""A store and a way: ("postgres", "sqs"), ("dynamodb", "sqs"), ("dynamodb", "kafka")."""
EVERYWHERE: tuple[Place, ...] = (("postgres", "sqs"), ("dynamodb", "sqs"), ("dynamodb", "kafka"))
Held = dict[str, list[dict[str, Any]]]


@dataclass
class Findings:
    """Each list names place and id; all of them are empty where nothing is wrong."""

    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    made_up: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return ", ".join(f"{len(found)} {name} {found[:3]}" for name, found in vars(self).items())


@dataclass(frozen=True)
class DeadLetters:
    """The envelopes that a test caused, by service, way and reason."""

    counts: Counter[tuple[str, str, str]]
    origins: int
    bodies: set[bytes]


async def settled(
    endpoints: dict[str, Any], sent: Sent, places: Sequence[Place] = EVERYWHERE, *, within_s: float = 60
) -> Findings:
    """What is wrong once nothing is lost, or, where something stays lost, after `within_s`."""
    deadline = time.monotonic() + within_s
    while True:
        findings = await find(endpoints, sent, places)
        if not findings.lost or time.monotonic() > deadline:
            return findings
        await asyncio.sleep(0.5)


async def find(endpoints: dict[str, Any], sent: Sent, places: Sequence[Place] = EVERYWHERE) -> Findings:
    """Compare every place with what was sent."""
    items = await _items(endpoints, sent.source) if any(store == "dynamodb" for store, _ in places) else {}
    findings = Findings()
    for place in places:
        store, way = place
        held = await asyncio.to_thread(_rows, endpoints, sent.source) if store == "postgres" else items.get(way, {})
        _compare(f"{store} by {way}", held, sent, findings, keeps_all=store == "dynamodb")
    return findings


def _compare(place: str, held: Held, sent: Sent, findings: Findings, *, keeps_all: bool) -> None:
    """PostgreSQL keeps one of an id's contents, DynamoDB all of them."""
    findings.made_up += [f"{place}: {id_}" for id_ in held.keys() - sent.contents.keys()]
    for id_, contents in sent.contents.items():
        found = held.get(id_, [])
        known = [content for content in contents if content in found]
        expected = len(contents) if keeps_all else 1
        findings.lost += [f"{place}: {id_}"] * max(0, expected - len(known))
        findings.doubled += [f"{place}: {id_}"] * max(0, len(found) - expected)
        findings.changed += [f"{place}: {id_}" for content in found if content not in contents]


def _rows(endpoints: dict[str, Any], source: str) -> Held:
    connection = psycopg2.connect(endpoints["postgres"], connect_timeout=10)
    try:
        with connection.cursor() as cursor:
            cursor.execute("select id, event from events where source = %s", (source,))
            held: Held = {}
            for id_, event in cursor.fetchall():
                held.setdefault(id_, []).append(event)
            return held
    finally:
        connection.close()


async def _items(endpoints: dict[str, Any], source: str) -> dict[str, Held]:
    held: dict[str, Held] = {}
    async with aioboto3.Session().client("dynamodb", endpoint_url=endpoints["dynamodb"]) as client:
        pages = client.get_paginator("scan").paginate(
            TableName=endpoints["table"],
            FilterExpression="#source = :source",
            ExpressionAttributeNames={"#source": "source"},
            ExpressionAttributeValues={":source": {"S": source}},
            ConsistentRead=True,
        )
        async for page in pages:
            for item in page["Items"]:
                ids = held.setdefault(item["via"]["S"], {})
                ids.setdefault(item["id"]["S"], []).append(json.loads(item["event"]["S"]))
    return held


async def dead_letters(endpoints: dict[str, Any], source: str, queues: Sequence[str] = ()) -> DeadLetters:
    """The dead letters with events of `source` in the system's queues and topic, and in `queues` (URLs)."""
    urls = (endpoints["dead_letter_b"], endpoints["dead_letter_c"], *queues)
    raw = [letter for url in urls for letter in await _peek(endpoints, url)] + await _topic(endpoints)
    letters = [json.loads(letter) for letter in raw]
    bodies = [base64.b64decode(letter["body_base64"]) for letter in letters]
    ours = [(letter, body) for letter, body in zip(letters, bodies, strict=True) if source.encode() in body]
    by_kind: Callable[[Any], tuple[str, str, str]] = lambda each: (each["service"], each["via"], each["reason"])  # noqa: E731
    return DeadLetters(
        counts=Counter(by_kind(letter) for letter, _ in ours),
        origins=len({json.dumps(letter["origin"], sort_keys=True) for letter, _ in ours}),
        bodies={body for _, body in ours},
    )


async def _peek(endpoints: dict[str, Any], url: str) -> list[str]:
    """The bodies in a queue, which stay in it: the emulator shows them."""
    async with httpx.AsyncClient(base_url=endpoints["aws"], timeout=30) as client:
        answer = await client.get("/_ministack/sqs/messages", params={"QueueUrl": url})
    accounts = answer.raise_for_status().json()["messages"].values()
    messages = [each for regions in accounts for queues in regions.values() for each in queues.get(url, [])]
    return [message["Body"] for message in messages]


async def _topic(endpoints: dict[str, Any]) -> list[bytes]:
    partition = TopicPartition(endpoints["kafka_dead_letter_topic"], 0)
    consumer = AIOKafkaConsumer(bootstrap_servers=endpoints["kafka"], auto_offset_reset="earliest")
    async with consumer:
        consumer.assign([partition])
        end = (await consumer.end_offsets([partition]))[partition]
        letters: list[bytes] = []
        async with asyncio.timeout(30):
            while await consumer.position(partition) < end:
                records = (await consumer.getmany(timeout_ms=500)).get(partition, [])
                letters += [record.value for record in records]
    return letters
