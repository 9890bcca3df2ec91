"""Records that any Kafka client can write: each event is stored, and none stops or restarts service C."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.admin.records_to_delete import RecordsToDelete

from stack.http_client import http_client
from tests.support.foreign_records import CODECS, Headers, Watched, event, producing, put, stored, stored_by_kafka
from tests.support.waiting import until


async def committed(aws: dict[str, str]) -> tuple[dict[int, int], dict[int, int]]:
    """By partition, what service C has committed, and the topic's end."""
    admin = AIOKafkaAdminClient(bootstrap_servers=aws["kafka"])
    await admin.start()
    try:
        offsets = await admin.list_consumer_group_offsets("service-c")
    finally:
        await admin.close()
    ours = {tp.partition: found.offset for tp, found in offsets.items() if tp.topic == aws["kafka_topic"]}
    async with AIOKafkaConsumer(bootstrap_servers=aws["kafka"]) as consumer:
        ends = await consumer.end_offsets([TopicPartition(aws["kafka_topic"], each) for each in ours])
    return ours, {tp.partition: end for tp, end in ends.items()}


async def test_transactions_leave_no_lag_behind(
    aws: dict[str, str], query: httpx.AsyncClient, watched: Watched, kafka: AIOKafkaProducer, source: str
) -> None:
    topic = aws["kafka_topic"]
    async with (
        producing(aws["kafka"], transactional_id=f"{source}-1") as one,
        producing(aws["kafka"], transactional_id=f"{source}-2") as other,
    ):
        for each in (one, other):
            await each.begin_transaction()
            await each.send_and_wait(topic, event(source, f"tx-{each is one}"), partition=0)
        await one.commit_transaction()  # two markers stand in a row
        await other.commit_transaction()
        await one.begin_transaction()
        await one.send_and_wait(topic, event(source, "aborted"), partition=0)
        await one.abort_transaction()
    await stored(query, source, "tx-True", "tx-False")
    await watched.rest()
    assert await stored_by_kafka(query, source, "aborted") is None
    await put(kafka, topic, event(source, "later"), partition=0)
    await stored(query, source, "later")

    async def all_committed() -> bool:
        ours, ends = await committed(aws)
        return ours == ends

    await until(all_committed, within_s=15)
    assert await stored_by_kafka(query, source, "aborted") is None


async def test_what_stands_behind_an_open_transaction_is_no_work_until_it_ends(
    aws: dict[str, str], query: httpx.AsyncClient, watched: Watched, kafka: AIOKafkaProducer, source: str
) -> None:
    topic = aws["kafka_topic"]
    async with producing(aws["kafka"], transactional_id=source) as transactional:
        await transactional.begin_transaction()
        await transactional.send_and_wait(topic, event(source, "inside"), partition=0)
        await put(kafka, topic, event(source, "behind"), partition=0)
        await put(kafka, topic, event(source, "elsewhere"), partition=1)
        await stored(query, source, "elsewhere")
        await watched.rest()
        assert await stored_by_kafka(query, source, "behind") is None
        await transactional.commit_transaction()
    await stored(query, source, "inside", "behind")
    watched.require_no_restart()


@pytest.mark.parametrize("codec", CODECS)
async def test_every_codec_is_read(
    aws: dict[str, str],
    query: httpx.AsyncClient,
    watched: Watched,
    kafka: AIOKafkaProducer,
    source: str,
    codec: str,
) -> None:
    topic = aws["kafka_topic"]
    await put(kafka, topic, event(source, codec), partition=2, codec=codec)
    await put(kafka, topic, event(source, "behind"), partition=2)
    await put(kafka, topic, event(source, "elsewhere"), partition=3)
    await stored(query, source, codec, "behind", "elsewhere")
    watched.require_no_restart()


async def test_the_topic_may_have_a_codec_of_its_own(
    aws: dict[str, str], query: httpx.AsyncClient, watched: Watched, source: str
) -> None:
    async with compressing(aws, "zstd"), http_client(base_url=aws["gateway"], timeout=30) as gateway:
        for number in range(10):
            body = {"type": "test.foreign", "source": source, "id": str(number), "data": "text " * 50}
            assert (await gateway.post("/events", json=body)).status_code == 202
        await stored(query, source, *map(str, range(10)))
        await watched.rest()


@asynccontextmanager
async def compressing(aws: dict[str, str], codec: str) -> AsyncIterator[None]:
    """The topic's setting `compression.type`, as whoever runs the cluster may change it."""
    admin = AIOKafkaAdminClient(bootstrap_servers=aws["kafka"])
    await admin.start()

    async def change(value: str) -> None:
        resource = ConfigResource(ConfigResourceType.TOPIC, aws["kafka_topic"], {"compression.type": value})
        (answer,) = await admin.alter_configs([resource])
        assert [each[0] for each in answer.resources] == [0], answer

    try:
        await change(codec)
        yield
        await change("producer")
    finally:
        await admin.close()


async def test_headers_of_any_name_and_value_hold_nothing_up(
    aws: dict[str, str], query: httpx.AsyncClient, watched: Watched, kafka: AIOKafkaProducer, source: str
) -> None:
    headers = [
        ("\udcff\udcfe", b"1"),
        ("null", None),
        ("twice", b"1"),
        ("twice", b"\xff"),
        ("received_at", None),
        ("", b""),
    ]
    await put(kafka, aws["kafka_topic"], event(source, "1"), partition=1, headers=headers, key=b"\xff\0")
    await put(kafka, aws["kafka_topic"], event(source, "2"), partition=1)
    await stored(query, source, "1", "2")
    watched.require_no_restart()


async def test_records_that_were_deleted_before_they_were_read_are_no_lag(
    aws: dict[str, str], query: httpx.AsyncClient, watched: Watched, kafka: AIOKafkaProducer, system: Any, source: str
) -> None:
    topic, pid = aws["kafka_topic"], system.pid("service-c")
    await watched.rest()
    os.kill(pid, signal.SIGSTOP)
    try:
        # It may have a fetch under way, which brings the first of them.
        last = [await put(kafka, topic, event(source, str(number)), partition=3) for number in range(20)][-1]
        admin = AIOKafkaAdminClient(bootstrap_servers=aws["kafka"])
        await admin.start()
        await admin.delete_records({TopicPartition(topic, 3): RecordsToDelete(last + 1)})
        await admin.close()
    finally:
        os.kill(pid, signal.SIGCONT)
    await watched.rest()
    await put(kafka, topic, event(source, "later"), partition=3)
    await stored(query, source, "later")
    await asyncio.wait_for(watched.rest(), 30)


async def test_events_in_binary_mode_are_stored_under_their_own_identity(
    aws: dict[str, str], query: httpx.AsyncClient, kafka: AIOKafkaProducer, watched: Watched, source: str
) -> None:
    def headers(id_: str, content_type: bytes | None) -> Headers:
        attributes = {"specversion": "1.0", "id": id_, "source": source, "type": "t", "subject": "ol\u00e1"}
        named = [(f"ce_{name}", value.encode()) for name, value in attributes.items()]
        return named if content_type is None else [("content-type", content_type), *named]

    values = {"bin-1": (b"application/json", b'{"total": 12.5}'), "bin-2": (None, b'{"total": 12.5}')}
    values |= {
        "bin-3": (b"application/octet-stream", b"\0\xff\1"),
        "bin-4": (b"application/json", event(source, "inner")),
    }
    for id_, (content_type, value) in values.items():
        await put(kafka, aws["kafka_topic"], value, partition=1, headers=headers(id_, content_type), key=b"k")
    await put(kafka, aws["kafka_topic"], event(source, "after"), partition=1)
    found = [(await stored(query, source, id_))["event"] for id_ in (*values, "after")]
    assert [each.get("data", each.get("data_base64")) for each in found[:3]] == [{"total": 12.5}] * 2 + ["AP8B"]
    assert (found[0]["subject"], found[3]["data"]["id"]) == ("ol\u00e1", "inner")
    assert await stored_by_kafka(query, source, "inner") is None
    watched.require_no_restart()


@pytest.mark.parametrize("timestamp", [-1, 0, -(10**15), 86_400_000])
async def test_a_timestamp_of_any_value_holds_nothing_up(
    aws: dict[str, str],
    query: httpx.AsyncClient,
    kafka: AIOKafkaProducer,
    watched: Watched,
    source: str,
    timestamp: int,
) -> None:
    await put(kafka, aws["kafka_topic"], event(source, "1"), partition=0, timestamp=timestamp)
    found = await stored(query, source, "1")
    assert found["receipt"]["received_at"] > "2026"
    listed = (await query.get("/events", params={"source": source})).json()["events"]
    assert [each["id"] for each in listed] == ["1"]
    watched.require_no_restart()
