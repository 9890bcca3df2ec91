"""Sending an event once more to one consumer: to its queue, or to the Kafka topic.

What travels beside the event goes with it again, so that it is stored as it would
have been the first time.
"""

import time
import zlib
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Protocol

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from pipeline.clients import kafka
from pipeline.clients.kafka_records import ExactBatch
from pipeline.clients.sqs import Queue
from pipeline.clients.sqs_text import sqs_text
from pipeline.core.errors import MessageRefused
from pipeline.core.settings.kafka import KafkaSettings
from pipeline.events.delivery import Attribute

_TIMEOUT_S = 10
_GZIP = 1
_LARGE_BYTES = 2**19
"""What is larger goes compressed where that makes it smaller: the record may have been, and a topic takes 1 MiB."""
_RECENT_MS = 86_400_000
"""A record with an older timestamp could leave the log, by its retention, before it is read."""


@dataclass(frozen=True, slots=True)
class ResentRecord:
    """What surrounds the bytes of a record that is written as it was; `timestamp_ms` where that is recent."""

    key: bytes | None
    headers: Sequence[tuple[str, bytes | None]]
    timestamp_ms: int | None
    is_null: bool

    def batch(self, body: bytes) -> ExactBatch:
        """A batch of this record alone."""
        now_ms = int(time.time() * 1000)
        is_recent = self.timestamp_ms is not None and now_ms - _RECENT_MS <= self.timestamp_ms <= now_ms
        batch = ExactBatch(codec_number=_codec(body))
        batch.append(
            timestamp=self.timestamp_ms if is_recent else None,
            key=self.key,
            value=None if self.is_null else body,
            headers=self.headers,
        )
        return batch


@dataclass(frozen=True, slots=True)
class Resend:
    """An event's bytes with what travels beside it.

    `partition` is where it goes in Kafka when there is no `key` to choose by: what is
    no event goes back to the partition that it came from. A `record` is written with all that it had,
    to the same partition; `beside` is for a queue then.
    """

    body: bytes
    beside: Mapping[str, str | Attribute]
    key: str | None = None
    partition: int = 0
    record: ResentRecord | None = None


def _codec(body: bytes) -> int:
    return _GZIP if len(body) > _LARGE_BYTES and len(zlib.compress(body, 1)) < len(body) else 0


class Resender(Protocol):
    """Where events are sent once more."""

    async def send(self, outgoing: Resend) -> None:
        """Returns when it is durable there. Raises QueueUnavailable and MessageRefused."""
        ...


class QueueResender:
    """A queue, past the topic: no other queue gets the event."""

    def __init__(self, queue: Queue) -> None:
        self._queue = queue

    async def send(self, outgoing: Resend) -> None:
        """Returns when SQS has it. Raises QueueUnavailable and MessageRefused."""
        # What is no UTF-8 can be no event: SQS takes text alone, and the service refuses it all the same.
        body = outgoing.body.decode(errors="replace").encode()
        await self._queue.send(sqs_text(body), outgoing.beside)


class TopicResender:
    """The Kafka topic of the events; `producer` is a started one."""

    def __init__(self, producer: AIOKafkaProducer, topic: str) -> None:
        self._producer = producer
        self._topic = topic

    async def send(self, outgoing: Resend) -> None:
        """Returns when all replicas have it. Raises QueueUnavailable and MessageRefused."""
        try:
            if outgoing.record:
                await self._send_record(outgoing.record, outgoing)
            else:
                await self._send_event(outgoing)
        except kafka.REFUSALS as error:
            raise MessageRefused(f"kafka: {error!r}") from error
        except KafkaError as error:
            raise kafka.unavailable(error) from error

    async def _send_record(self, record: ResentRecord, outgoing: Resend) -> None:
        partition = await self._partition(outgoing)
        await (await self._producer.send_batch(record.batch(outgoing.body), self._topic, partition=partition))

    async def _send_event(self, outgoing: Resend) -> None:
        key = None if outgoing.key is None else outgoing.key.encode()
        named = ((name, value.encode()) for name, value in outgoing.beside.items() if isinstance(value, str))
        await self._producer.send_and_wait(
            self._topic,
            value=outgoing.body,
            key=key,
            partition=await self._partition(outgoing),
            headers=[kafka.CONTENT_TYPE, *named],
        )

    async def _partition(self, outgoing: Resend) -> int:
        """The one of its key, or that it came from; the first one where an envelope of a stranger names none."""
        partitions = await self._producer.partitions_for(self._topic)
        if outgoing.key is not None:
            return kafka.partition_of(outgoing.key.encode(), len(partitions))
        return outgoing.partition if outgoing.partition in partitions else 0


@asynccontextmanager
async def producing(settings: KafkaSettings) -> AsyncIterator[AIOKafkaProducer]:
    """A producer that is started, and stopped at the block's end. Raises QueueUnavailable.

    It is not idempotent: what is sent twice is stored once, and one record that is refused ends no others.
    """
    producer = kafka.producer(settings, timeout_s=_TIMEOUT_S, is_idempotent=False)
    try:
        try:
            await producer.start()
        except KafkaError as error:
            raise kafka.unavailable(error, settings.bootstrap_servers) from error
        yield producer
    finally:
        await kafka.stop(producer)
