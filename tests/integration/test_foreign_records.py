"""Records that any Kafka client can write: each event is stored, and none stops or restarts service C."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.records_to_delete import RecordsToDelete

from stack.http_client import http_client
from tests.foreign_records import CODECS, Watched, event, producing, put, stored_by_kafka
from tests.waiting import until

STORED_S = 20


@pytest.fixture
async def query(aws: dict[str, str]) -> AsyncIterator[httpx.AsyncClient]:
    async with http_client(base_url=aws["query"], timeout=30) as made:
        yield made


@pytest.fixture
async def watched(system: Any, aws: dict[str, str]) -> AsyncIterator[Watched]:
    async with http_client(timeout=10) as made:
        yield Watched(system, made)


@pytest.fixture
async def kafka(aws: dict[str, str]) -> AsyncIterator[AIOKafkaProducer]:
    async with producing(aws["kafka"]) as made:
        yield made


async def stored(query: httpx.AsyncClient, source: str, *ids: str) -> dict[str, Any]:
    """Wait until Kafka has brought them all; the last one's answer."""
    found: dict[str, Any] | None = None
    for id_ in ids:
        found = await until(lambda id_=id_: stored_by_kafka(query, source, id_), within_s=STORED_S)  # type: ignore[misc]
    assert found
    return found


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
