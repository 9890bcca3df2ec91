"""Services B and C that drain what is there: a stub for SQS and DynamoDB, real Kafka and PostgreSQL.

The service has a core for itself; the servers and stubs share the others. A run counts when
every event is in the store, and nothing is left in the queue.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import psycopg2
from aiokafka import AIOKafkaProducer

from bench import events
from bench.errors import DoesNotCount
from bench.measuring import cpu, profiler
from bench.pipelines import Pipeline
from bench.rigs import pinned
from bench.rigs.pinned import Place
from bench.rigs.running import running
from pipeline.core import variables
from pipeline.core.settings import inherited, read
from pipeline.core.settings.kafka import KafkaSettings
from pipeline.core.settings.workers import HealerSettings
from stack import kafka, postgres, services
from stack.home import BIN
from stack.http_client import http_client
from stack.part import Part
from stack.ports import Ports
from stack.probes import answers

_LONGEST_S = 120.0
_POLL_S = 0.05


@dataclass(frozen=True)
class Drained:
    """What a drain took: `events` that were stored, in `seconds`, with `cpu_s` of the service."""

    events: int
    seconds: float
    cpu_s: float


@asynccontextmanager
async def started(*, with_kafka: bool) -> AsyncGenerator["DrainRig", None]:
    """A rig with PostgreSQL, or with Kafka, on free ports, which leaves nothing behind."""
    with pinned.place() as place:
        home, free = place.home, place.ports
        server = kafka.part(home, free, read(KafkaSettings)) if with_kafka else postgres.part(home, free)
        async with running(home, server):
            yield DrainRig(place)


class DrainRig:
    """Lets one service at a time drain; each run has a fresh service and fresh stubs."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._home = place.home
        self._ports = place.ports

    async def queue_b(self, pipeline: Pipeline, bodies: Sequence[bytes], expected: int) -> Drained:
        """Drain queue b into PostgreSQL: `expected` rows. Raises DoesNotCount."""
        await self._execute("truncate events")

        async def stored() -> int:
            return await self._execute("select count(*) from events")

        part = services.service_b(self._home, self._ports, _outputs(self._ports))
        part = pipeline.of(part, "service_b", self._ports.service_b)
        return await self._drain(part, lambda: self._fill_queue(bodies), stored, expected, len(bodies))

    async def queue_c_and_topic(self, pipeline: Pipeline, bodies: Sequence[bytes]) -> Drained:
        """Drain queue c and the Kafka topic into DynamoDB. Raises DoesNotCount."""

        async def fill() -> None:
            await asyncio.gather(self._fill_queue(bodies), self._fill_topic(bodies))

        async def stored() -> int:
            counts = await self._counts()
            items: int = counts["items"]
            return items

        part = _without_healer(services.service_c(self._home, self._ports, _outputs(self._ports)))
        part = pipeline.of(part, "service_c", self._ports.service_c)
        return await self._drain(part, fill, stored, 2 * len(bodies), len(bodies))

    async def _drain(
        self,
        service: Part,
        fill: Callable[[], Awaitable[None]],
        stored: Callable[[], Awaitable[int]],
        expected: int,
        messages: int,
    ) -> Drained:
        async with AsyncExitStack() as parts:
            for port in (self._ports.aws, self._ports.dynamodb):
                await parts.enter_async_context(running(self._home, _stub(port)))
            pid = await parts.enter_async_context(running(self._home, service))
            cpu.pin(pid, self._place.core)
            profiler.watch(pid)
            before, begun = cpu.seconds(pid), time.perf_counter()
            await fill()
            await self._wait(stored, expected, messages)
            return Drained(expected, time.perf_counter() - begun, cpu.seconds(pid) - before)

    async def _wait(self, stored: Callable[[], Awaitable[int]], expected: int, messages: int) -> None:
        deadline = time.perf_counter() + _LONGEST_S
        while True:
            found, deleted = await stored(), (await self._counts(self._ports.aws))["deleted"]
            if (found, deleted) == (expected, messages):
                return
            if time.perf_counter() > deadline or found > expected:
                raise DoesNotCount(f"{found} of {expected} stored, {deleted} of {messages} deleted")
            await asyncio.sleep(_POLL_S)  # a look costs the servers, not the service

    async def _fill_topic(self, bodies: Sequence[bytes]) -> None:
        settings = read(KafkaSettings)
        async with AIOKafkaProducer(bootstrap_servers=services.kafka_address(self._ports), acks="all") as producer:
            sent = [
                await producer.send(
                    settings.topic, body, key=body[-64:], headers=[("traceparent", events.traceparent(number).encode())]
                )
                for number, body in enumerate(bodies)
            ]
            await asyncio.gather(*sent)

    async def _counts(self, port: int | None = None) -> dict[str, Any]:
        async with http_client() as client:
            answer = await client.get(f"{services.url(port or self._ports.dynamodb)}/counts")
        counts: dict[str, Any] = answer.raise_for_status().json()
        return counts

    async def _fill_queue(self, bodies: Sequence[bytes]) -> None:
        async with http_client(timeout=60) as client:
            answer = await client.post(f"{services.url(self._ports.aws)}/load", json=[body.decode() for body in bodies])
        answer.raise_for_status()

    async def _execute(self, statement: str) -> int:
        def run() -> int:
            connection = psycopg2.connect(postgres.url(self._home, self._ports))
            try:
                with connection, connection.cursor() as cursor:
                    cursor.execute(statement)
                    return int(cursor.fetchone()[0]) if cursor.description else 0  # type: ignore[index]
            finally:
                connection.close()

        return await asyncio.to_thread(run)


def _stub(port: int) -> Part:
    return Part(
        name=f"aws-stub-{port}",
        command=(str(BIN / "python"), "-m", "bench.stubs.queue_and_table", str(port)),
        environment=inherited(),
        probe=answers(f"{services.url(port)}/counts"),
    )


def _without_healer(service_c: Part) -> Part:
    """The stub has one queue under every name: a healer would take the messages that are to be drained."""
    healers = variables.names(HealerSettings)
    return replace(service_c, environment={k: v for k, v in service_c.environment.items() if k not in healers})


def _outputs(chosen: Ports) -> dict[str, str]:
    queue = f"{services.url(chosen.aws)}/000000000000/events"
    names = ("QueueBUrl", "QueueCUrl", "DeadLetterBUrl", "DeadLetterCUrl", "PendingQueueUrl", "TopicArn")
    return dict.fromkeys(names, queue) | {"TableName": "events"}
