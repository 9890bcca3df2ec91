"""What is no event, put into the queues and the topic past the gateway."""

import asyncio
import json
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager

import stamina
from aiokafka.errors import KafkaError

from pipeline.clients import kafka
from pipeline.core.settings.kafka import KafkaSettings
from tests.chaos.journal import Journal, Way
from tests.chaos.rig import Rig

EVERY_WAY: tuple[Way, ...] = (("service-b", "sqs"), ("service-c", "sqs"), ("service-c", "kafka"))
_TOO_LARGE_BYTES = 300_000
_RETRY_S = 0.3
_LAST_RETRY_S = 60
Put = Callable[[bytes], Awaitable[object]]


@asynccontextmanager
async def poisoned(rig: Rig, source: str, journal: Journal, *, per_s: float, seed: int) -> AsyncIterator[None]:
    """Put poison into every way, `per_s` each, for as long as the block runs."""
    is_over, chance = asyncio.Event(), random.Random(seed)
    async with _ways(rig) as puts:
        poisoning = asyncio.create_task(_poison(puts, source, journal, 1 / per_s, chance, is_over))
        try:
            yield
        finally:
            is_over.set()
            async with asyncio.timeout(_LAST_RETRY_S):
                await poisoning


async def _poison(
    puts: Mapping[Way, Put],
    source: str,
    journal: Journal,
    interval_s: float,
    chance: random.Random,
    over: asyncio.Event,
) -> None:
    number = 0
    while not over.is_set():
        body = _body(source, number, chance)
        for way, put in puts.items():
            journal.poison(body, way)
            await _until_put(put, body)
        number += 1
        await asyncio.wait((asyncio.ensure_future(over.wait()),), timeout=interval_s)


async def _until_put(put: Put, body: bytes) -> None:
    while True:
        try:
            await put(body)
        except Exception:  # noqa: BLE001 - whatever a fault makes of it
            await asyncio.sleep(_RETRY_S)
        else:
            return


def _body(source: str, number: int, chance: random.Random) -> bytes:
    event = {"specversion": "1.0", "id": f"poison-{number}", "source": source, "type": "test.chaos"}
    without_type = {name: value for name, value in event.items() if name != "type"}
    bodies = (
        json.dumps(event)[:-1],  # malformed
        json.dumps(without_type),  # invalid
        json.dumps(event | {"data": "x" * _TOO_LARGE_BYTES}),
    )
    return chance.choices(bodies, weights=(5, 5, 1))[0].encode()


@asynccontextmanager
async def _ways(rig: Rig) -> AsyncIterator[dict[Way, Put]]:
    producer = kafka.producer(KafkaSettings(bootstrap_servers=rig.endpoints["kafka"]), timeout_s=5)

    def queue(name: str) -> Put:
        return lambda body: rig.sqs.send_message(QueueUrl=rig.endpoints[name], MessageBody=body.decode())

    async def topic(body: bytes) -> None:
        await producer.send_and_wait(rig.endpoints["kafka_topic"], body)

    try:
        async for attempt in stamina.retry_context(on=KafkaError, attempts=None, timeout=_LAST_RETRY_S, wait_max=1):
            with attempt:
                await producer.start()
        yield dict(zip(EVERY_WAY, (queue("queue_b"), queue("queue_c"), topic), strict=True))
    finally:
        await producer.stop()
