"""Services B and C before a store that is slow or throttles: slow is all that they are."""

import asyncio
import json
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg2
import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import NewTopic

from pipeline.clients import kafka
from pipeline.clients.aws import client
from pipeline.core.settings.kafka import KafkaSettings
from tests.support.proxies.aws import AwsProxy
from tests.support.proxies.wire import WireProxy
from tests.support.waiting import until
from tests.support.worker_process import Worker, worker

ROW_BYTES = 700
"""About what a row of these events takes on its way to PostgreSQL."""


@dataclass(frozen=True)
class Own:
    """A queue and a topic that no other worker reads."""

    sqs: Any
    queue: str
    topic: str
    producer: AIOKafkaProducer

    async def fill(self, source: str, events: int, size: int = 0, *, ways: tuple[str, ...] = ("sqs", "kafka")) -> None:
        bodies = [
            json.dumps({"specversion": "1.0", "id": str(n), "source": source, "type": "slow", "data": "x" * size})
            for n in range(events)
        ]
        if "kafka" in ways:
            for start in range(0, events, 50):
                sent = [await self.producer.send(self.topic, body.encode()) for body in bodies[start : start + 50]]
                await asyncio.gather(*sent)
        if "sqs" in ways:
            for start in range(0, events, 10):
                entries = [{"Id": str(n), "MessageBody": body} for n, body in enumerate(bodies[start : start + 10])]
                await self.sqs.send_message_batch(QueueUrl=self.queue, Entries=entries)

    async def left(self) -> int:
        """How many messages the queue has, in receivers' hands or not."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        answer = await self.sqs.get_queue_attributes(QueueUrl=self.queue, AttributeNames=names)
        return sum(int(answer["Attributes"][name]) for name in names)


@pytest.fixture
async def own(aws: dict[str, str]) -> AsyncIterator[Own]:
    name = f"slow-{uuid.uuid4()}"
    settings = KafkaSettings(bootstrap_servers=aws["kafka"])
    admin, producer = kafka.admin(settings), kafka.producer(settings, timeout_s=30)
    await admin.start()
    await producer.start()
    await admin.create_topics([NewTopic(name, 4, 1)])
    async with client("sqs") as sqs:
        queue = (await sqs.create_queue(QueueName=name))["QueueUrl"]
        yield Own(sqs, queue, name, producer)
        await sqs.delete_queue(QueueUrl=queue)
    await admin.delete_topics([name])
    await producer.stop()
    await admin.close()


@pytest.fixture
async def table(aws: dict[str, str]) -> AsyncIterator[AwsProxy]:
    async with AwsProxy(aws["dynamodb"]).serving() as proxy:
        yield proxy


async def settles(one: Worker, is_done: Callable[[], Awaitable[bool]], within_s: float) -> None:
    """Wait until it is done; the worker says all the while that it lives."""

    async def probe() -> bool:
        alive = await one.answers("/healthz")
        assert alive, one.log.read_text()[-3000:]
        assert alive.status_code == 200, alive.text
        return await is_done()

    await until(probe, within_s=within_s, every_s=0.5)


async def total(one: Worker, metric: str, *labels: str) -> float:
    """The sum of the series of `metric` with these labels."""
    answer = await one.answers("/metrics")
    assert answer
    lines = [line for line in answer.text.splitlines() if line.startswith(metric)]
    return sum(float(line.rpartition(" ")[2]) for line in lines if all(label in line for label in labels))


SLOW = [
    (24, 40),
    pytest.param(1, 60, marks=[pytest.mark.long, pytest.mark.timeout(600)]),
    pytest.param(10, 500, marks=[pytest.mark.long, pytest.mark.timeout(600)]),
    pytest.param(24, 800, marks=[pytest.mark.long, pytest.mark.timeout(600)]),
]


@pytest.mark.parametrize("kind", ["slow", "throttling"])
@pytest.mark.parametrize(("items_per_s", "events"), SLOW)
async def test_a_slow_table_gets_every_item_and_none_again_and_again(
    own: Own,
    table: AwsProxy,
    aws: dict[str, str],
    source: str,
    tmp_path: Path,
    kind: str,
    items_per_s: int,
    events: int,
) -> None:
    (table.pace if kind == "slow" else table.capacity).change(items_per_s)
    await own.fill(source, events)
    async with worker("service_c", tmp_path, aws, **_of_c(own, table)) as one:

        async def is_done() -> bool:
            return await own.left() == 0 and await total(one, "events_stored_total") >= 2 * events

        await settles(one, is_done, within_s=30 + 3 * 2 * events / items_per_s)
        written = [times for key, times in table.written.items() if key.startswith(source)]  # the days' keys are others
        assert len(written) == 2 * events
        assert max(written) <= 2
        for via in ("kafka", "sqs"):
            assert await total(one, "events_stored_total", 'outcome="stored"', f'via="{via}"') == events
        ready = await one.answers("/readyz")
        assert ready
        assert ready.status_code == 200
        assert await one.stop() < 10
    assert "not deleted" not in one.log.read_text()


@pytest.mark.parametrize(("items_per_s", "events"), SLOW)
async def test_a_slow_postgres_gets_every_row(
    own: Own, aws: dict[str, str], source: str, tmp_path: Path, items_per_s: int, events: int
) -> None:
    url = urlsplit(aws["postgres"])
    assert url.hostname
    assert url.port
    async with WireProxy(url.hostname, url.port).serving() as proxy:
        user = url.netloc.rpartition("@")[0]
        slow = urlunsplit(url._replace(netloc=f"{user}@127.0.0.1:{proxy.port}"))
        await own.fill(source, events, ways=("sqs",))
        proxy.pace.change(items_per_s * ROW_BYTES)
        async with worker("service_b", tmp_path, aws, QUEUE_B_URL=own.queue, POSTGRES_URL=slow) as one:

            async def is_done() -> bool:
                return await own.left() == 0

            await settles(one, is_done, within_s=40 + 3 * events / items_per_s)
            assert await total(one, "events_stored_total") == events
            assert await one.stop() < 10
    assert rows(aws["postgres"], source) == events


async def test_a_stop_before_a_slow_table_is_in_time_and_gives_back_the_rest(
    own: Own, table: AwsProxy, aws: dict[str, str], source: str, tmp_path: Path
) -> None:
    table.pace.change(2)
    await own.fill(source, 100)
    async with worker("service_c", tmp_path, aws, **_of_c(own, table)) as one:

        async def is_at_work() -> bool:
            return len(table.written) >= 5

        await settles(one, is_at_work, within_s=60)
        begun = time.monotonic()
        await one.stop()
        assert time.monotonic() - begun < 10
    table.pace.change(None)
    async with worker("service_c", tmp_path, aws, **_of_c(own, table)) as another:

        async def is_done() -> bool:
            return await own.left() == 0

        await settles(another, is_done, within_s=60)


@pytest.mark.parametrize(
    ("events", "most_mib"),
    [(400, 300), pytest.param(3000, 400, marks=[pytest.mark.long, pytest.mark.timeout(600)])],
)
async def test_large_events_that_wait_in_the_topic_do_not_fill_the_memory(
    own: Own,
    table: AwsProxy,
    aws: dict[str, str],
    source: str,
    tmp_path: Path,
    events: int,
    most_mib: int,
    scale: float,
) -> None:
    table.pace.change(10 if scale == 1 else 50)
    await own.fill(source, events, size=200_000, ways=("kafka",))
    async with worker("service_c", tmp_path, aws, **_of_c(own, table)) as one:

        async def is_at_work() -> bool:
            return len(table.written) >= 150

        await settles(one, is_at_work, within_s=120)
        peak = next(line for line in _status(one.process.pid) if line.startswith("VmHWM"))
        assert int(peak.split()[1]) / 1024 < most_mib
        assert await one.stop() < 10


def _of_c(own: Own, table: AwsProxy) -> dict[str, str]:
    return {"QUEUE_C_URL": own.queue, "KAFKA_TOPIC": own.topic, "AWS_ENDPOINT_URL_DYNAMODB": table.url}


def _status(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/status").read_text().splitlines()


def rows(url: str, source: str) -> int:
    """How many rows the source has."""
    connection = psycopg2.connect(url)
    try:
        with connection.cursor() as cursor:
            cursor.execute("select count(*) from events where source = %s", (source,))
            [(count,)] = cursor.fetchall()
            return int(count)
    finally:
        connection.close()
