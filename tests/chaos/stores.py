"""What the stores and the dead-letter places hold of one source, read directly, past services and query."""

import asyncio
import base64
import json
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg2
from aiokafka import TopicPartition

from pipeline.clients import kafka
from pipeline.core import table
from pipeline.core.settings.kafka import KafkaSettings
from stack.http_client import http_client
from tests.chaos.journal import Way, content_hash, raw_hash
from tests.chaos.rig import Rig

Place = tuple[str, str]
"""A store and a way: ("postgres", "sqs"), ("dynamodb", "sqs"), ("dynamodb", "kafka")."""
PLACES: tuple[Place, ...] = (("postgres", "sqs"), ("dynamodb", "sqs"), ("dynamodb", "kafka"))
Held = dict[Place, dict[str, list[str]]]
"""By place and id, the hash of each content: one for each row or item."""
_DEADLINE_S = 60
_CALL_KEYS = 100
"""DynamoDB's limit of one BatchGetItem."""


@dataclass(frozen=True)
class Letter:
    """A dead letter: `reason` is None where it is no envelope; `body` is the hash of what is in it, event or not."""

    way: Way
    reason: str | None
    id: str | None
    body: str


async def held(rig: Rig, source: str, begun: datetime, ended: datetime) -> Held:
    """The rows and items of `source` that were received between two moments; rows whenever they were."""
    found: Held = {place: defaultdict(list) for place in PLACES}
    for id_, event in await asyncio.to_thread(_rows, rig.endpoints["postgres"], source):
        found["postgres", "sqs"][id_].append(content_hash(event))
    async for item in _items(rig, source, begun, ended):
        found["dynamodb", item["via"]["S"]][item["id"]["S"]].append(content_hash(json.loads(item["event"]["S"])))
    return found


def _rows(url: str, source: str) -> list[tuple[str, dict[str, Any]]]:
    connection = psycopg2.connect(url, connect_timeout=10)
    try:
        with connection.cursor() as cursor:
            cursor.execute("select id, event from events where source = %s", (source,))
            return list(cursor.fetchall())
    finally:
        connection.close()


async def _items(rig: Rig, source: str, begun: datetime, ended: datetime) -> AsyncIterator[Mapping[str, Any]]:
    """The items that the index by time names."""
    name, keys = rig.endpoints["table"], [key async for key in _keys(rig, source, begun, ended)]
    for start in range(0, len(keys), _CALL_KEYS):
        asked: Any = {name: {"Keys": keys[start : start + _CALL_KEYS], "ConsistentRead": True}}
        while asked:
            answer = await rig.dynamodb.batch_get_item(RequestItems=asked)
            for item in answer["Responses"][name]:
                yield item
            asked = answer["UnprocessedKeys"]


async def _keys(rig: Rig, source: str, begun: datetime, ended: datetime) -> AsyncIterator[dict[str, Any]]:
    days = {begun.date() + timedelta(days) for days in range((ended.date() - begun.date()).days + 1)}
    buckets = [table.bucket_of_day(day.isoformat(), shard) for day in sorted(days) for shard in range(table.SHARDS)]
    for bucket in buckets:
        pages = rig.dynamodb.get_paginator("query").paginate(
            TableName=rig.endpoints["table"],
            IndexName=table.BY_TIME,
            KeyConditionExpression="#bucket = :bucket and #position between :begun and :ended",
            FilterExpression="begins_with(#identity, :source)",
            ExpressionAttributeNames={
                "#bucket": table.BUCKET,
                "#position": table.POSITION,
                "#identity": table.IDENTITY,
            },
            ExpressionAttributeValues={
                ":bucket": {"S": bucket},
                ":begun": {"S": begun.isoformat()},
                ":ended": {"S": ended.isoformat()},
                ":source": {"S": table.identity_key(source, "")},
            },
        )
        async for page in pages:
            for item in page["Items"]:
                yield {name: item[name] for name in (table.IDENTITY, table.COPY)}


class DeadLetters:
    """The dead letters that come while the block lasts; the queues are emptied at its end."""

    def __init__(self, rig: Rig) -> None:
        self._rig = rig
        self._topic = TopicPartition(rig.endpoints["kafka_dead_letter_topic"], 0)
        self._begin = 0

    @asynccontextmanager
    async def kept(self) -> AsyncIterator["DeadLetters"]:
        """Count from now on."""
        async with self._consumer() as consumer:
            self._begin = (await consumer.end_offsets([self._topic]))[self._topic]
        yield self
        for name in ("dead_letter_b", "dead_letter_c"):
            await self._rig.sqs.purge_queue(QueueUrl=self._rig.endpoints[name])

    async def of(self, source: str) -> list[Letter]:
        """Those with something of `source`."""
        raw = [
            *((("service-b", "sqs"), text) for text in await self._queued("dead_letter_b")),
            *((("service-c", "sqs"), text) for text in await self._queued("dead_letter_c")),
            *((("service-c", "kafka"), text) for text in await self._in_topic()),
        ]
        letters = [_letter(way, text, source) for way, text in raw]
        return [letter for letter in letters if letter]

    async def _queued(self, name: str) -> list[bytes]:
        """The bodies in a queue, which stay in it: the emulator shows them."""
        url = self._rig.endpoints[name]
        # No SDK has this call: signed as far as the emulator's guard looks.
        signed = {"authorization": f"AWS4-HMAC-SHA256 Credential={self._rig.endpoints['access_key']}/"}
        async with http_client(base_url=self._rig.endpoints["aws"], headers=signed, timeout=30) as client:
            answer = await client.get("/_ministack/sqs/messages", params={"QueueUrl": url})
        accounts = answer.raise_for_status().json()["messages"].values()
        messages = [each for regions in accounts for queues in regions.values() for each in queues.get(url, [])]
        return [message["Body"].encode() for message in messages]

    async def _in_topic(self) -> list[bytes]:
        letters: list[bytes] = []
        async with self._consumer() as consumer, asyncio.timeout(_DEADLINE_S):
            consumer.seek(self._topic, self._begin)
            end = (await consumer.end_offsets([self._topic]))[self._topic]
            while await consumer.position(self._topic) < end:
                records = (await consumer.getmany(timeout_ms=500)).get(self._topic, [])
                letters += [record.value for record in records]
        return letters

    @asynccontextmanager
    async def _consumer(self) -> AsyncIterator[Any]:
        async with kafka.consumer(KafkaSettings(bootstrap_servers=self._rig.endpoints["kafka"])) as consumer:
            consumer.assign([self._topic])
            yield consumer


def _letter(way: Way, text: bytes, source: str) -> Letter | None:
    """The letter in `text`; None where it has nothing of `source`. What is no envelope was moved by SQS itself.

    That of a tombstone is known by its key.
    """
    told = json.loads(text) if b'"body_base64"' in text else {}
    body = base64.b64decode(told["body_base64"]) if told else text
    if told.get("body_is_null"):
        body = told["key"].encode()
    if source.encode() not in body:
        return None
    try:
        event = json.loads(body)
    except ValueError:  # bytes that are no UTF-8 too
        event = {}
    is_event = "type" in event and told.get("reason") != "too_large"
    kind = (told["service"], told["via"]) if told else way
    return Letter(kind, told.get("reason"), event.get("id"), content_hash(event) if is_event else raw_hash(body))


def moment(epoch_s: float) -> datetime:
    """A time of a journal."""
    return datetime.fromtimestamp(epoch_s, UTC)
