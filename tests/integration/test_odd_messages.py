"""Messages that no gateway would send: each is stored or is a dead letter, and nothing is held up."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from aiokafka import AIOKafkaProducer

from pipeline.aws import client
from pipeline.dead_letters import open_envelope
from pipeline.kafka import producer
from pipeline.settings import KafkaSettings
from stack.http_client import http_client
from tests.waiting import until


@pytest.fixture
async def sqs(aws: dict[str, str]) -> AsyncIterator[Any]:
    async with client("sqs") as made:
        yield made


@pytest.fixture
async def kafka(aws: dict[str, str]) -> AsyncIterator[AIOKafkaProducer]:
    made = producer(KafkaSettings(bootstrap_servers=aws["kafka"]), timeout_s=5)
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
async def query(aws: dict[str, str]) -> AsyncIterator[httpx.AsyncClient]:
    async with http_client(base_url=aws["query"], timeout=30) as made:
        yield made


async def receipt(query: httpx.AsyncClient, source: str, id_: str) -> dict[str, Any]:
    async def probe() -> dict[str, Any] | None:
        answer = await query.get("/event", params={"source": source, "id": id_})
        found: dict[str, Any] = answer.json()
        return found if answer.status_code == 200 and found["complete"] else None

    found = await until(probe, within_s=30)
    assert found
    return found


async def dead_letter(sqs: Any, queue: str, body: str) -> dict[str, Any]:
    """The dead letter of `body`, looked for without taking the others'."""

    async def probe() -> dict[str, Any] | None:
        answer = await sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10, VisibilityTimeout=1)
        for message in answer.get("Messages", []):
            letter = open_envelope(message["Body"].encode())  # others leave what is no envelope
            if letter and letter.body_base64 == body.encode():
                return dict(json.loads(message["Body"]))
        return None

    found = await until(probe, within_s=30)
    assert found
    return found


@pytest.mark.parametrize("stamp", ["garbage", "infinity", "2026-13-45T00:00:00.000000Z", "2026-11-23"])
async def test_a_stamp_that_is_no_time_holds_nothing_up(
    aws: dict[str, str], sqs: Any, kafka: AIOKafkaProducer, query: httpx.AsyncClient, source: str, stamp: str
) -> None:
    body = json.dumps({"specversion": "1.0", "id": "1", "source": source, "type": "test"})
    attributes = {"received_at": {"DataType": "String", "StringValue": stamp}}
    for queue in ("queue_b", "queue_c"):
        await sqs.send_message(QueueUrl=aws[queue], MessageBody=body, MessageAttributes=attributes)
    await kafka.send_and_wait(aws["kafka_topic"], body.encode(), headers=[("received_at", stamp.encode())])
    found = await receipt(query, source, "1")
    assert found["receipt"]["received_at"] > "2026-11-23T"
    assert found["receipt"]["received_at"].endswith("Z")


@pytest.mark.parametrize("queue", ["b", "c"])
async def test_a_dead_letter_is_kept_whatever_its_text(aws: dict[str, str], sqs: Any, source: str, queue: str) -> None:
    body = json.dumps({"specversion": "1.0", "id": "1", "source": source, "type": "t", "\ufffe": 1})
    await sqs.send_message(QueueUrl=aws[f"queue_{queue}"], MessageBody=body)
    letter = await dead_letter(sqs, aws[f"dead_letter_{queue}"], body)
    assert (letter["reason"], letter["service"], letter["via"]) == ("invalid", f"service-{queue}", "sqs")


async def test_a_record_as_large_as_kafka_takes_is_a_dead_letter(
    aws: dict[str, str], kafka: AIOKafkaProducer, query: httpx.AsyncClient, source: str
) -> None:
    await kafka.send_and_wait(aws["kafka_topic"], b"x" * 1_000_000, partition=0)
    body = json.dumps({"specversion": "1.0", "id": "1", "source": source, "type": "test"}).encode()
    await kafka.send_and_wait(aws["kafka_topic"], body, partition=0)

    async def behind_it() -> bool:
        answer = await query.get("/event", params={"source": source, "id": "1"})
        return answer.status_code == 200

    await until(behind_it, within_s=30)


async def test_a_message_that_base64_makes_too_long_is_kept_as_it_is(
    aws: dict[str, str], sqs: Any, source: str
) -> None:
    body = source + "x" * 900_000
    await sqs.send_message(QueueUrl=aws["queue_b"], MessageBody=body)

    async def kept() -> bool:
        answer = await sqs.receive_message(QueueUrl=aws["dead_letter_b"], MaxNumberOfMessages=10, VisibilityTimeout=1)
        return body in [message["Body"] for message in answer.get("Messages", [])]

    async with asyncio.timeout(60):
        await until(kept, within_s=30)
