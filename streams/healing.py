"""Brokers as stores: pending events are published to the broker that was out when the gateway accepted them.

An `Intake` settles them like any other event: it retries with backoff for as long as the broker is
out, and acknowledges only what is published. What is published twice is deduplicated by the stores.
"""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, NamedTuple, Self

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError

from pipeline.clients import aws, kafka
from pipeline.clients.sqs_text import size_bytes, sqs_text
from pipeline.core import clock
from pipeline.core.errors import Rejected, StoreUnavailable
from pipeline.core.pace import Pace
from pipeline.core.settings.kafka import KafkaSettings
from pipeline.events.delivery import Arrival, Delivery
from pipeline.events.event import MAX_EVENT_BYTES
from pipeline.telemetry.counter import Count
from streams.store import PartlyStored, Stored

_SNS_ENTRIES = 10
"""SNS, PublishBatch: the entries of a request, which has at most MAX_EVENT_BYTES in all."""
_SNS_ATTRIBUTES = 10
"""A raw message with more never gets to a queue."""

_OF_THE_HOLDER = {"content-type", "pending"}
"""The header of the record that was held, and the attribute of the message."""

_KAFKA_EVENTS = 100
_TIMEOUT_S = 5.0


class _Message(NamedTuple):
    """A delivery as SNS gets it."""

    delivery: Delivery
    carried: dict[str, str]
    size_bytes: int

    @classmethod
    def of(cls, delivery: Delivery) -> Self:
        """Without `healed_at` where an event of the largest size has no room for it."""
        carried = dict(list(_carried(delivery.arrival).items())[: _SNS_ATTRIBUTES - 1])
        size = size_bytes(delivery.event.body) + sum(_sized(*each) for each in carried.items())
        name, value = _healed_at()
        if size + _sized(name, value) <= MAX_EVENT_BYTES:
            carried[name] = value
            size += _sized(name, value)
        return cls(delivery, carried, size)

    def entry(self, index: int) -> dict[str, Any]:
        """For PublishBatch."""
        attributes = {name: {"DataType": "String", "StringValue": value} for name, value in self.carried.items()}
        return {"Id": str(index), "Message": sqs_text(self.delivery.event.body), "MessageAttributes": attributes}


class SnsPublisher:
    """Publishes to the SNS topic, oldest first: one call at a time."""

    name = "sns"
    calls = 1

    def __init__(self, topic_arn: str, events_per_s: float, healed: Count) -> None:
        self.call_events = _within_a_second(_SNS_ENTRIES, events_per_s)
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
                await self._pace.step(len(part))
                await self._publish(part)
                published.new += [each.delivery for each in part]
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

    async def _publish(self, messages: Sequence[_Message]) -> None:
        entries = [message.entry(index) for index, message in enumerate(messages)]
        answer = await self._call("publish_batch", PublishBatchRequestEntries=entries)
        failed = answer.get("Failed") or []
        self._healed.inc(len(messages) - len(failed))
        for each in failed:
            detail = f"sns: {each.get('Code')} {each.get('Message', '')}"
            raise Rejected("rejected", detail) if each.get("SenderFault") else StoreUnavailable(detail)

    async def _call(self, operation: str, **arguments: Any) -> dict[str, Any]:
        try:
            if not self._client:
                self._opened = aws.client("sns")
                self._client = await self._opened.__aenter__()
            answer: dict[str, Any] = await getattr(self._client, operation)(TopicArn=self._topic_arn, **arguments)
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") in aws.SNS_REFUSALS:
                raise Rejected("rejected", f"sns: {error}") from error
            raise StoreUnavailable(f"sns: {error}") from error
        except (ParamValidationError, UnicodeError) as error:  # a header that somebody else wrote can be no attribute
            raise Rejected("rejected", f"sns: {error}") from error
        except (BotoCoreError, OSError) as error:
            raise StoreUnavailable(f"sns: {error}") from error
        return answer


class TopicPublisher:
    """Publishes to the Kafka topic of the events, oldest first: one call at a time."""

    name = "kafka"
    calls = 1

    def __init__(self, settings: KafkaSettings, events_per_s: float, healed: Count) -> None:
        self.call_events = _within_a_second(_KAFKA_EVENTS, events_per_s)
        self._settings = settings
        self._pace = Pace(events_per_s)
        self._healed = healed
        self._producer: AIOKafkaProducer | None = None

    async def store(self, deliveries: Sequence[Delivery]) -> Stored:
        """Publish each delivery. Raises as `Store` says."""
        published = Stored()
        try:
            sent = await self._send(deliveries)
            ends = await asyncio.gather(*sent, return_exceptions=True)
            published.new += [each for each, end in zip(deliveries, ends, strict=True) if not _is_error(end)]
            self._healed.inc(len(published.new))
            for end in filter(_is_error, ends):
                raise end
        except kafka.REFUSALS as error:
            await self.close()  # an idempotent one sends no more to a partition that refused it a batch
            raise Rejected("rejected", f"kafka: {error!r}") from error
        except KafkaError as error:
            await self.close()
            raise PartlyStored(published, f"kafka: {error!r}") from error
        except asyncio.CancelledError:
            await self.close()  # what hangs may never go on: another producer can
            raise
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
            await kafka.stop(producer)

    async def _started(self) -> AIOKafkaProducer:
        if not self._producer:
            producer = kafka.producer(self._settings, timeout_s=_TIMEOUT_S)
            try:
                await producer.start()
            except BaseException:
                await kafka.stop(producer)
                raise
            self._producer = producer
        return self._producer

    async def _send(self, deliveries: Sequence[Delivery]) -> list["asyncio.Future[Any]"]:
        """Send all in their order; each future ends once all replicas have the event."""
        producer = await self._started()
        partitions = len(await producer.partitions_for(self._settings.topic))
        sent = []
        await self._pace.step(len(deliveries))  # one pause for all: each costs a turn of a loop that may be busy
        for delivery in deliveries:
            key = delivery.event.partition_key.encode()
            named = _carried(delivery.arrival) | dict([_healed_at()])
            headers = [(name, value.encode()) for name, value in named.items()]
            sent.append(
                await producer.send(
                    self._settings.topic,
                    value=delivery.event.body,
                    key=key,
                    partition=kafka.partition_of(key, partitions),
                    headers=[kafka.CONTENT_TYPE, *headers],
                )
            )
        return sent


def _is_error(end: Any) -> bool:
    return isinstance(end, BaseException)


def _parts(deliveries: Sequence[Delivery]) -> Iterator[list[_Message]]:
    """The deliveries in calls that are no larger than SNS takes."""
    part: list[_Message] = []
    size = 0
    for delivery in deliveries:
        message = _Message.of(delivery)
        if part and (size + message.size_bytes > MAX_EVENT_BYTES or len(part) == _SNS_ENTRIES):
            yield part
            part, size = [], 0
        part.append(message)
        size += message.size_bytes
    if part:
        yield part


def _within_a_second(events: int, events_per_s: float) -> int:
    """So many events as a call may have without its pace taking it beyond its deadline."""
    return max(1, min(events, int(events_per_s)))


def _sized(name: str, value: str) -> int:
    return len(name) + len("String") + len(value.encode())


def _carried(arrival: Arrival) -> dict[str, str]:
    """What the gateway sent beside the event, less what was for the broker that held it."""
    if arrival.headers is not None:
        named = {name: value.decode(errors="replace") for name, value in arrival.headers if value}
    else:
        named = {name: each.value for name, each in (arrival.attributes or {}).items() if each.value}
    return {name: value for name, value in named.items() if name not in _OF_THE_HOLDER}


def _healed_at() -> tuple[str, str]:
    return "healed_at", clock.rfc3339(clock.now())
