"""Records and messages of other writers than the gateway, on a real broker and real queues."""

import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from aiokafka import AIOKafkaProducer

from cli.addresses import find
from operations.dead_letters import DeadLetter, Place, Reading
from pipeline.clients.kafka_records import ExactBatch
from tests.support.mensageria import Tool
from tests.support.running_system import System
from tests.support.waiting import until

CODECS = {"none": 0, "gzip": 1, "snappy": 2, "lz4": 3, "zstd": 4}
STORED_S = 20
Headers = Sequence[tuple[str, bytes | None]]
LetterOf = Callable[..., Awaitable[DeadLetter]]
"""Writes a record, waits until an event behind it is stored, and gives the record's dead letter."""


def event(source: str, id_: str, **more: Any) -> bytes:
    """A structured event."""
    return json.dumps({"specversion": "1.0", "id": id_, "source": source, "type": "test.foreign", **more}).encode()


@asynccontextmanager
async def producing(servers: str, **options: Any) -> AsyncIterator[AIOKafkaProducer]:
    """A producer as anybody makes it."""
    producer = AIOKafkaProducer(bootstrap_servers=servers, **options)
    try:
        await producer.start()
        yield producer
    finally:
        await producer.stop()


async def put(
    producer: AIOKafkaProducer,
    topic: str,
    value: bytes | None,
    *,
    partition: int,
    key: bytes | None = None,
    headers: Headers = (),
    timestamp: int | None = None,
    codec: str = "none",
) -> int:
    """Write one record, with anything that the format holds; its offset."""
    batch = ExactBatch(codec_number=CODECS[codec])
    batch.append(timestamp=timestamp, key=key, value=value, headers=headers)
    written = await (await producer.send_batch(batch, topic, partition=partition))
    return int(written.offset)


class Watched:
    """What a person sees of service C and of what waits for it."""

    def __init__(self, system: System, http: httpx.AsyncClient) -> None:
        self._system = system
        self._http = http
        self._pid = system.pid("service-c")

    async def is_at_rest(self) -> bool:
        """Whether C has read all: by the metrics of web, which `/pipeline` shows too. Fails where C was restarted."""
        self.require_no_restart()
        web = self._system.endpoints["web"]
        await self._http.get(f"{web}/pipeline")  # takes the state anew
        text = (await self._http.get(f"{web}/metrics")).text
        lags = re.findall(r"^kafka_consumer_lag_events\{.*\} (\S+)$", text, re.MULTILINE)
        return bool(lags) and not any(map(float, lags))

    def require_no_restart(self) -> None:
        """Fails where C was restarted."""
        assert self._system.pid("service-c") == self._pid, "service C was started again"

    async def rest(self, within_s: float = 40) -> None:
        """Wait until nothing is to be read, by the metrics and by `status`; both probes are 200 then."""
        await until(self._status_is_at_rest, within_s=within_s, every_s=0.5)
        await until(self.is_at_rest, within_s=within_s)
        for probe in ("healthz", "readyz"):
            answer = await self._http.get(f"{self._system.endpoints['service_c']}/{probe}")
            assert answer.status_code == 200, answer.text

    async def _status_is_at_rest(self) -> bool:
        self.require_no_restart()
        status = await Tool(self._system.home)("status", "--json")
        parts = {part["part"]: part for part in status.lines}
        return int(parts["kafka"]["waiting"]) == 0


async def stored_by_kafka(query: httpx.AsyncClient, source: str, id_: str) -> dict[str, Any] | None:
    """The answer about an event that Kafka has brought; None while it has not."""
    answer = await query.get("/event", params={"source": source, "id": id_})
    found: dict[str, Any] = answer.json() if answer.status_code == 200 else {}
    return found if found and found["receipt"]["dynamodb"]["kafka"] else None


async def stored(query: httpx.AsyncClient, source: str, *ids: str, within_s: float = STORED_S) -> dict[str, Any]:
    """Wait until Kafka has brought them all; the last one's answer."""
    found: dict[str, Any] | None = None
    for id_ in ids:
        found = await until(lambda id_=id_: stored_by_kafka(query, source, id_), within_s=within_s)  # type: ignore[misc]
    assert found
    return found


@asynccontextmanager
async def letters_of(system: System, place: Place, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Reading]:
    """The dead letters of `place`, as the command finds them."""
    monkeypatch.setenv("MENSAGERIA_HOME", str(system.home))
    async with find().places.dead_letters(place) as reading:
        yield reading
