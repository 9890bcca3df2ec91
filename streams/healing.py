"""Brokers as stores: pending events are published to the broker that was out when the gateway accepted them.

An `Intake` settles them like any other event: it retries with backoff for as long as the broker is
out, and acknowledges only what is published. What is published twice is deduplicated by the stores.
"""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from botocore.exceptions import BotoCoreError, ClientError

from pipeline import aws, clock, kafka
from pipeline.counter import Count
from pipeline.delivery import Delivery
from pipeline.errors import Rejected, StoreUnavailable
from pipeline.event import MAX_EVENT_BYTES
from pipeline.redrive import Pace
from pipeline.settings import KafkaSettings
from pipeline.sqs_text import size_bytes, sqs_text
from streams.store import PartlyStored, Stored

_SNS_ENTRIES = 10
"""SNS, PublishBatch: the entries of a request, which has at most MAX_EVENT_BYTES in all."""
_KAFKA_EVENTS = 100
_TIMEOUT_S = 5.0


class SnsPublisher:
    """Publishes to the SNS topic, oldest first: one call at a time."""

    name = "sns"
    call_events = _SNS_ENTRIES
    calls = 1

    def __init__(self, topic_arn: str, events_per_s: float, healed: Count) -> None:
        self._topic_arn = topic_arn
        self._pace = Pace(events_per_s)
        self._healed = healed
        self._opened: AbstractAsyncContextManager[Any] | None = None
        self._client: Any = None

    async def store(self, deliveries: Sequence[Delivery]) -> Stored:
        """Publish each delivery. Raises as `Store` says."""
        published = Stored()
        try:
            for part in _parts(deliveries):
                for _ in part:
                    await self._pace.step()
                await self._publish(part)
                published.new += part
        except StoreUnavailable as error:
            raise PartlyStored(published, str(error)) from error
        return published

    async def ping(self) -> None:
        """Raises StoreUnavailable where SNS doesn't answer."""
        await self._call("get_topic_attributes")

    async def close(self) -> None:
        """Close the connections."""
        if self._opened:
            await self._opened.__aexit__(None, None, None)

    async def _publish(self, deliveries: Sequence[Delivery]) -> None:
        entries = [_entry(index, delivery) for index, delivery in enumerate(deliveries)]
        answer = await self._call("publish_batch", PublishBatchRequestEntries=entries)
        failed = answer.get("Failed") or []
        self._healed.inc(len(deliveries) - len(failed))
        for each in failed:
            detail = f"sns: {each.get('Code')} {each.get('Message', '')}"
            raise Rejected("rejected", detail) if each.get("SenderFault") else StoreUnavailable(detail)

    async def _call(self, operation: str, **arguments: Any) -> dict[str, Any]:
        try:
            if not self._client:
                self._opened = aws.client("sns")
                self._client = await self._opened.__aenter__()
            answer: dict[str, Any] = await getattr(self._client, operation)(TopicArn=self._topic_arn, **arguments)
        except (BotoCoreError, ClientError, OSError) as error:
            raise StoreUnavailable(f"sns: {error}") from error
        return answer


class TopicPublisher:
    """Publishes to the Kafka topic of the events, oldest first: one call at a time."""

    name = "kafka"
    call_events = _KAFKA_EVENTS
    calls = 1

    def __init__(self, settings: KafkaSettings, events_per_s: float, healed: Count) -> None:
        self._settings = settings
        self._pace = Pace(events_per_s)
        self._healed = healed
        self._producer: AIOKafkaProducer | None = None

    async def store(self, deliveries: Sequence[Delivery]) -> Stored:
        """Publish each delivery. Raises as `Store` says."""
        published = Stored()
        try:
            producer = await self._started()
            partitions = len(await producer.partitions_for(self._settings.topic))
            for delivery in deliveries:
                await self._pace.step()
                await self._publish(producer, delivery, partitions)
                published.new.append(delivery)
        except KafkaError as error:
            await self.close()
            raise PartlyStored(published, f"kafka: {error!r}") from error
        return published

    async def ping(self) -> None:
        """Raises StoreUnavailable where Kafka doesn't answer."""
        try:
            await (await self._started()).partitions_for(self._settings.topic)
        except KafkaError as error:
            raise StoreUnavailable(f"kafka: {error!r}") from error

    async def close(self) -> None:
        """Let go of the producer: of one whose broker is away by force."""
        producer, self._producer = self._producer, None
        if producer:
            with suppress(TimeoutError):
                async with asyncio.timeout(_TIMEOUT_S):
                    await producer.stop()

    async def _started(self) -> AIOKafkaProducer:
        if not self._producer:
            producer = kafka.producer(self._settings, timeout_s=_TIMEOUT_S)
            try:
                await producer.start()
            except BaseException:
                await producer.stop()
                raise
            self._producer = producer
        return self._producer

    async def _publish(self, producer: AIOKafkaProducer, delivery: Delivery, partitions: int) -> None:
        key = delivery.event.partition_key.encode()
        headers = [(name, value.encode()) for name, value in _metadata(delivery)]
        await producer.send_and_wait(
            self._settings.topic,
            value=delivery.event.body,
            key=key,
            partition=kafka.partition_of(key, partitions),
            headers=[kafka.CONTENT_TYPE, *headers],
        )
        self._healed.inc(1)


def _parts(deliveries: Sequence[Delivery]) -> Iterator[list[Delivery]]:
    """The deliveries in calls that are no larger than SNS takes."""
    part: list[Delivery] = []
    size = 0
    for delivery in deliveries:
        own = size_bytes(delivery.event.body) + sum(
            len(name) + len("String") + len(value.encode()) for name, value in _metadata(delivery)
        )
        if part and (size + own > MAX_EVENT_BYTES or len(part) == _SNS_ENTRIES):
            yield part
            part, size = [], 0
        part.append(delivery)
        size += own
    if part:
        yield part


def _entry(index: int, delivery: Delivery) -> dict[str, Any]:
    attributes = {name: {"DataType": "String", "StringValue": value} for name, value in _metadata(delivery)}
    return {
        "Id": str(index),
        "Message": sqs_text(delivery.event.body),
        "MessageAttributes": attributes,
    }


def _metadata(delivery: Delivery) -> list[tuple[str, str]]:
    """What the gateway sends beside an event, and when it was healed."""
    event, arrival = delivery.event, delivery.arrival
    named = {
        "type": event.type,
        "source": event.source,
        "id": event.id,
        "received_at": delivery.received_at,
        "traceparent": arrival.traceparent,
        "publisher": arrival.publisher,
        "healed_at": clock.rfc3339(clock.now()),
    }
    return [(name, value) for name, value in named.items() if value is not None]
