"""Who writes to the topic beside the gateway, and what is looked at afterwards."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from aiokafka import AIOKafkaProducer

from operations.dead_letters import DeadLetter
from stack.http_client import http_client
from tests.support.foreign_records import LetterOf, Watched, event, letters_of, producing, put, stored


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


@pytest.fixture
def letter_of(
    aws: dict[str, str],
    query: httpx.AsyncClient,
    kafka: AIOKafkaProducer,
    source: str,
    system: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> LetterOf:
    """Writes a record, waits until an event behind it is stored, and gives the record's dead letter."""

    async def written(body: bytes, partition: int, **options: Any) -> DeadLetter:
        topic = aws["kafka_topic"]
        offset = await put(kafka, topic, body, partition=partition, **options)
        await put(kafka, topic, event(source, f"behind {offset}"), partition=partition)
        await stored(query, source, f"behind {offset}")
        place = {"topic": topic, "partition": partition, "offset": offset}
        async with letters_of(system, "kafka", monkeypatch) as reading:
            # A whole batch also has its last offset.
            found = [each async for each in reading.letters() if place.items() <= each.envelope.origin.items()]
        (letter,) = found
        return letter

    return written
