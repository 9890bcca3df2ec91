"""What gateways follow, read from a real topic."""

import time
from collections.abc import Sequence
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.admin import NewTopic
from prometheus_client import CollectorRegistry

from pipeline.clients import kafka
from pipeline.core.identity import Identity
from pipeline.core.settings.kafka import KafkaSettings
from pipeline.events import receipts
from pipeline.events.receipts import REPEAT_S, Follow
from streams.follow_reader import FollowReader
from streams.receipt_writer import ReceiptWriter
from tests.support.waiting import until


async def test_a_service_that_starts_knows_what_was_followed_just_before(aws: dict[str, str], source: str) -> None:
    topic = source.replace(":", "-")
    settings = KafkaSettings(bootstrap_servers=aws["kafka"], journeys_topic=topic)
    admin = kafka.admin(settings)
    await admin.start()
    await admin.create_topics([NewTopic(topic, 1, 1)])
    looked_up: list[str] = []

    async def look_up(identity: Identity) -> Sequence[Any]:
        looked_up.append(identity[1])
        return []

    writer = ReceiptWriter(settings, "postgres", CollectorRegistry())
    reader = FollowReader(settings, "postgres", look_up, writer)
    async with AIOKafkaProducer(bootstrap_servers=aws["kafka"]) as producer:

        async def follow(id_: str, ago_s: float = 0.0) -> None:
            stamp_ms = int((time.time() - ago_s) * 1000)
            await producer.send_and_wait(topic, receipts.encode(Follow("a", source, id_)), timestamp_ms=stamp_ms)

        await follow("long ago", 4 * REPEAT_S)
        await follow("before")
        await reader.start()
        await until(lambda: has(looked_up, "before"), within_s=20)
        await follow("after")
        await until(lambda: has(looked_up, "after"), within_s=20)
    await reader.stop()
    assert looked_up == ["before", "after"]
    assert list(writer.followed.addresses((source, "before"))) == ["a"]
    await admin.delete_topics([topic])
    await admin.close()


async def has(looked_up: list[str], id_: str) -> bool:
    return id_ in looked_up
