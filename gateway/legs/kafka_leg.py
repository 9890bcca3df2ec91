"""The Kafka leg: one idempotent producer, replaced when it can't go on."""

import asyncio
import math
import time
from functools import partial
from typing import Any, NamedTuple, Self

import stamina
import structlog
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import (
    KafkaConnectionError,
    KafkaError,
    KafkaTimeoutError,
    UnknownTopicOrPartitionError,
)

from gateway.errors import LegUnavailable
from gateway.legs.leg import SPACING_S
from gateway.legs.sns_batches import MAX_ENTRIES
from gateway.publication import Publication
from pipeline.clients import kafka, kafka_access
from pipeline.core.settings.kafka import KafkaSettings
from pipeline.telemetry.call_metrics import Calls
from pipeline.telemetry.tracing import Tracing

_RESTART_S = 1.0
_log = structlog.get_logger(__name__)


class _Entry(NamedTuple):
    publication: Publication
    acknowledged: asyncio.Future[None]
    topic: str


class KafkaLeg:
    """Publishes to one topic by a producer that is connected in the background.

    aiokafka retries by itself what a retry can help, for as long as the broker is
    away. An error that it raises leaves a gap in the batch numbers of its producer id,
    and every later batch of that partition is refused (OutOfOrderSequenceNumber): only
    a new producer, with a new id, can go on.
    """

    name = "kafka"

    def __init__(self, settings: KafkaSettings, timeout_s: float, tracing: Tracing, calls: Calls) -> None:
        self._settings = settings
        self._timeout_s = timeout_s
        self._tracing = tracing
        self._calls = calls
        self._waiting: list[_Entry] = []
        self._sent_at = -math.inf
        self._next_send: asyncio.Handle | None = None
        self._sends: set[asyncio.Task[None]] = set()
        self._connected: asyncio.Future[AIOKafkaProducer]
        self._broken: asyncio.Future[AIOKafkaProducer]
        self._obstacle = "not connected"
        self._keeper: asyncio.Task[None]

    async def __aenter__(self) -> Self:
        self._connected = asyncio.get_running_loop().create_future()
        self._keeper = asyncio.create_task(self._keep_connected())
        return self

    async def __aexit__(self, *error: object) -> None:
        self._keeper.cancel()
        await asyncio.wait((self._keeper,))
        if self._connected.done():
            await kafka.stop(self._connected.result())

    def publish(self, publication: Publication) -> asyncio.Future[None]:
        """Ends once all replicas have it, or with LegUnavailable: at once where there is no connection."""
        return self._send_to(self._settings.topic, publication)

    def can_hold(self, _publication: Publication) -> bool:
        """Always: the pending topic takes what the event's topic takes."""
        return True

    def hold(self, publication: Publication) -> asyncio.Future[None]:
        """Ends once all replicas of the pending topic have it for SNS, or as `publish` does."""
        return self._send_to(self._settings.pending_topic, publication)

    def publish_held(self, publication: Publication) -> list[asyncio.Future[None]]:
        """Publish it and have it held for SNS."""
        return [self.publish(publication), self.hold(publication)]

    def _send_to(self, topic: str, publication: Publication) -> asyncio.Future[None]:
        loop = asyncio.get_running_loop()
        entry = _Entry(publication, loop.create_future(), topic)
        if not self._connected.done():
            entry.acknowledged.set_exception(LegUnavailable(self.name, self._obstacle))
            return entry.acknowledged
        self._waiting.append(entry)
        if len(self._waiting) == 1:
            self._send_at(self._sent_at + SPACING_S)
        elif len(self._waiting) == MAX_ENTRIES:  # SNS, which gets the same ones, takes no more in a call
            self._send_at(loop.time())
        return entry.acknowledged

    async def check(self) -> None:
        """Raises LegUnavailable where no broker answers or the topic is missing."""
        if not self._connected.done():
            raise LegUnavailable(self.name, self._obstacle)
        client = self._connected.result().client
        if not await client.force_metadata_update():
            raise LegUnavailable(self.name, "no broker answers")
        if not client.cluster.partitions_for_topic(self._settings.topic):
            raise LegUnavailable(self.name, f"the topic {self._settings.topic} is missing")

    def _send_at(self, moment: float) -> None:
        """Send what has gathered by then, or now where that is over."""
        loop = asyncio.get_running_loop()
        if self._next_send:
            self._next_send.cancel()
        self._next_send = loop.call_at(max(moment, loop.time()), self._send_waiting)

    def _send_waiting(self) -> None:
        """Send what has gathered, by one task a partition: a blocked partition holds up no other."""
        entries, self._waiting = self._waiting, []
        self._sent_at, self._next_send = asyncio.get_running_loop().time(), None
        if not self._connected.done():
            return _fail(entries, LegUnavailable(self.name, self._obstacle))
        producer = self._connected.result()
        by_partition: dict[TopicPartition, list[_Entry]] = {}
        for entry in entries:
            if partition := _partition(producer, entry):
                by_partition.setdefault(partition, []).append(entry)
            else:
                _fail([entry], LegUnavailable(self.name, f"the topic {entry.topic} is missing"))
        for partition, its_entries in by_partition.items():
            send = asyncio.create_task(self._send_all(producer, partition, its_entries))
            self._sends.add(send)
            send.add_done_callback(self._sends.discard)
        return None

    async def _send_all(self, producer: AIOKafkaProducer, partition: TopicPartition, entries: list[_Entry]) -> None:
        try:
            for entry in entries:
                if not entry.acknowledged.done():
                    await self._send(producer, entry, partition)
        except KafkaTimeoutError:
            _fail(entries, LegUnavailable(self.name, "its buffer is full"))
        except KafkaError as error:
            self._replace(producer, error)
            _fail(entries, LegUnavailable(self.name, repr(error)))
        except Exception as error:  # noqa: BLE001 - whatever it is, no event waits for it until its deadline
            _log.exception("kafka send failed unexpectedly", topic=partition.topic, partition=partition.partition)
            _fail(entries, LegUnavailable(self.name, repr(error)))

    async def _send(self, producer: AIOKafkaProducer, entry: _Entry, partition: TopicPartition) -> None:
        self._tracing.follow(entry.acknowledged, "kafka", entry.topic, entry.publication.traceparent)
        sent = await producer.send(
            entry.topic,
            value=entry.publication.body,
            key=entry.publication.key,
            partition=partition.partition,
            headers=[kafka.CONTENT_TYPE, *((name, value.encode()) for name, value in entry.publication.metadata)],
        )
        sent.add_done_callback(partial(self._settle, producer, entry.acknowledged, time.perf_counter()))

    def _settle(
        self,
        producer: AIOKafkaProducer,
        acknowledged: asyncio.Future[None],
        started: float,
        sent: asyncio.Future[Any],
    ) -> None:
        error = LegUnavailable(self.name, "closed") if sent.cancelled() else sent.exception()
        if isinstance(error, KafkaError):
            self._replace(producer, error)
            error = LegUnavailable(self.name, repr(error))
        self._calls.record("send", time.perf_counter() - started, error)
        if acknowledged.done():
            return
        if error:
            acknowledged.set_exception(error)
        else:
            acknowledged.set_result(None)

    def _replace(self, producer: AIOKafkaProducer, error: KafkaError) -> None:
        """Have a new producer made, once for however many events `producer` failed."""
        if self._connected.done() and self._connected.result() is producer:
            _log.warning("kafka producer replaced", error=repr(error))
            self._connected = asyncio.get_running_loop().create_future()
            self._broken.set_result(producer)

    async def _keep_connected(self) -> None:
        """Connect, and connect again once the producer is broken, whatever goes wrong on the way."""
        while True:
            try:
                self._broken = asyncio.get_running_loop().create_future()
                self._connected.set_result(await self._connect())
                await kafka.stop(await self._broken)
            except Exception:  # noqa: BLE001 - without its keeper the leg would be out until a restart
                _log.exception("keeping the kafka producer connected failed unexpectedly")
                await asyncio.sleep(_RESTART_S)

    async def _connect(self) -> AIOKafkaProducer:
        async for attempt in stamina.retry_context(
            on=Exception, attempts=None, timeout=None, wait_initial=0.1, wait_max=2.0, wait_jitter=0.2
        ):
            with attempt:
                return await self._started_producer()
        raise AssertionError("the retries have no end")

    async def _started_producer(self) -> AIOKafkaProducer:
        producer = kafka.producer(self._settings, timeout_s=self._timeout_s)
        try:
            async with asyncio.timeout(self._timeout_s):
                await self._start(producer)
        except BaseException as error:
            await kafka.stop(producer)
            self._obstacle = f"not connected: {error!r}"
            _log.warning("kafka not connected", error=repr(error))
            raise
        self._obstacle = "not connected"
        return producer

    async def _start(self, producer: AIOKafkaProducer) -> None:
        topic = self._settings.topic
        try:
            await producer.start()
        except KafkaConnectionError:
            await kafka_access.require(self._settings, topics=[topic])  # it may say why
            raise
        await producer.client.add_topic(topic)
        await producer.client.add_topic(self._settings.pending_topic)
        if topic in producer.client.cluster.unauthorized_topics:
            await kafka_access.require(self._settings, topics=[topic])
        if not producer.client.cluster.partitions_for_topic(topic):
            raise UnknownTopicOrPartitionError(topic)


def _partition(producer: AIOKafkaProducer, entry: _Entry) -> TopicPartition | None:
    """The partition of an entry; None where its topic is missing."""
    partitions = len(producer.client.cluster.partitions_for_topic(entry.topic) or ())
    if not partitions:
        return None
    return TopicPartition(entry.topic, kafka.partition_of(entry.publication.key, partitions))


def _fail(entries: list[_Entry], error: LegUnavailable) -> None:
    for entry in entries:
        if not entry.acknowledged.done():
            entry.acknowledged.set_exception(error)
