"""The dead letters of the Kafka topic.

The dead-letter topic is a log, so what was dealt with is written into it: a marker is a
record with the header `settles`, the partition and offset of its letter. It is younger
than its letter, so it outlives it, and no second topic has to be kept in step.
(docs/decisions/0006-markers-in-the-dead-letter-topic.md)
"""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from itertools import chain
from typing import Any

import msgspec
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin.records_to_delete import RecordsToDelete
from aiokafka.errors import KafkaError

from operations.dead_letters import UNREADABLE, DeadLetter, Place
from operations.resending import TopicResender, producing
from pipeline.clients import kafka
from pipeline.core.clock import now, rfc3339, seen_at
from pipeline.core.errors import QueueUnavailable, Rejected
from pipeline.core.settings.kafka import KafkaSettings
from pipeline.core.ways import SERVICE_C
from pipeline.events.delivery import Arrival
from pipeline.events.envelope import Envelope, enclosed, open_envelope

_SETTLES = "settles"
_POSITION = re.compile(rb"[0-9]+:[0-9]+")
_FETCH_MS = 1000
_STILL_S = 10
"""A broker that is there answers a fetch within half a second: a reading that brings nothing for so long ends."""


class DeadLetterTopicReader:
    """The dead-letter topic of `settings`."""

    place: Place = "kafka"

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings

    @asynccontextmanager
    async def open(self) -> "AsyncIterator[TopicReading]":
        """A reading that can also erase. Raises QueueUnavailable."""
        async with producing(self._settings) as producer:
            consumer = kafka.consumer(self._settings)
            try:
                await consumer.start()
                yield TopicReading(consumer, producer, self._settings)
            except KafkaError as error:
                raise kafka.unavailable(error, self._settings.bootstrap_servers) from error
            finally:
                await kafka.stop_consumer(consumer)


class TopicReading:
    """The letters that no marker settles."""

    place: Place = "kafka"
    elsewhere = 0

    def __init__(self, consumer: AIOKafkaConsumer, producer: AIOKafkaProducer, settings: KafkaSettings) -> None:
        self._consumer = consumer
        self._producer = producer
        self._settings = settings
        self._outlet = TopicResender(producer, settings.topic)

    async def letters(self) -> AsyncIterator[DeadLetter]:
        """Each letter that is there now and not settled, in the order of its partition.

        Reads the topic twice: a marker stands behind its letter.
        """
        ends = await self._ends()
        settled = {marked async for record in self._records(ends) if (marked := _marked(record))}
        async for record in self._records(ends):
            if not _marked(record) and _position(record) not in settled:
                yield letter_of(record)

    async def send_again(self, letter: DeadLetter) -> None:
        """Send it to the topic of the events."""
        await self._outlet.send(letter.outgoing())

    async def remove(self, letters: Sequence[DeadLetter], why: str) -> None:
        """Mark `letters` as settled; their bytes leave the log with its retention."""
        for letter in letters:
            await self._append(_marker(letter, why), [(_SETTLES, _position_of(letter).encode())])

    async def everything(self) -> AsyncIterator[DeadLetter]:
        """Each letter whose bytes are in the log, also those that are settled. Raises QueueUnavailable."""
        async for record in self._records(await self._ends()):
            if not _marked(record):
                yield letter_of(record)

    async def erase(self, letters: Sequence[DeadLetter]) -> None:
        """Take the bytes of `letters`, settled or not, out of the log. Raises QueueUnavailable.

        A log can only be cut off at its beginning: what stands before the last of them and
        is not settled is written again at the end first. Interrupted, it leaves letters
        twice; sent again twice they are stored once.
        """
        erased = {letter.key for letter in letters}
        last = _last_offsets(letters)
        async for letter in self.letters():
            partition, offset = _place(letter)
            if letter.key not in erased and offset < last.get(partition, -1):
                await self._append(msgspec.json.encode(letter.envelope), [])
        if last:
            await self._cut_off({partition: offset + 1 for partition, offset in last.items()})

    async def _cut_off(self, before: dict[int, int]) -> None:
        admin = kafka.admin(self._settings)
        await admin.start()
        try:
            await admin.delete_records(
                {
                    TopicPartition(self._settings.dead_letter_topic, partition): RecordsToDelete(offset)
                    for partition, offset in before.items()
                }
            )
        finally:
            await admin.close()

    async def _append(self, value: bytes, headers: list[tuple[str, bytes]]) -> None:
        try:
            await self._producer.send_and_wait(self._settings.dead_letter_topic, value=value, headers=headers)
        except KafkaError as error:
            raise kafka.unavailable(error, self._settings.bootstrap_servers) from error

    async def _ends(self) -> dict[TopicPartition, int]:
        topic = self._settings.dead_letter_topic
        partitions = [TopicPartition(topic, number) for number in await self._producer.partitions_for(topic)]
        ends: dict[TopicPartition, int] = await self._consumer.end_offsets(partitions)
        return ends

    async def _records(self, ends: dict[TopicPartition, int]) -> AsyncIterator[Any]:
        self._consumer.assign(list(ends))
        begins = await self._consumer.beginning_offsets(list(ends))
        for partition, begin in begins.items():
            self._consumer.seek(partition, begin)
        positions, moved = dict(begins), time.monotonic()
        while open_ones := [partition for partition in ends if positions[partition] < ends[partition]]:
            fetched = await self._consumer.getmany(*open_ones, timeout_ms=_FETCH_MS)
            for record in chain.from_iterable(fetched.values()):
                if record.offset < ends[TopicPartition(record.topic, record.partition)]:
                    yield record
            reached = await self._positions(ends)
            if reached != positions:
                positions, moved = reached, time.monotonic()
            elif time.monotonic() > moved + _STILL_S:
                raise QueueUnavailable(f"kafka: the dead-letter topic gave nothing for {_STILL_S} s")

    async def _positions(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        try:
            async with asyncio.timeout(_STILL_S):
                return {partition: await self._consumer.position(partition) for partition in partitions}
        except TimeoutError as error:
            raise QueueUnavailable(f"kafka: no position in the dead-letter topic within {_STILL_S} s") from error


def _marked(record: Any) -> str | None:
    """The position of the letter that `record` settles; None where it is no marker of ours, so a letter itself."""
    value = dict(record.headers).get(_SETTLES)
    return value.decode() if value and _POSITION.fullmatch(value) else None


def _position(record: Any) -> str:
    return f"{record.partition}:{record.offset}"


def _position_of(letter: DeadLetter) -> str:
    return letter.key.partition(":")[2]


def _place(letter: DeadLetter) -> tuple[int, int]:
    partition, offset = _position_of(letter).split(":")
    return int(partition), int(offset)


def _last_offsets(letters: Sequence[DeadLetter]) -> dict[int, int]:
    last: dict[int, int] = {}
    for partition, offset in map(_place, letters):
        last[partition] = max(offset, last.get(partition, 0))
    return last


def letter_of(record: Any) -> DeadLetter:
    """The dead letter that a record of the topic is, also where somebody else wrote it."""
    return DeadLetter("kafka", f"kafka:{_position(record)}", _envelope(record))


def _marker(letter: DeadLetter, why: str) -> bytes:
    """For who reads the topic without knowing of markers: an envelope too, with nothing in it."""
    told = Rejected("settled", f"{letter.key}: {why}")
    now_text = rfc3339(now())
    return msgspec.json.encode(enclosed(Arrival(b"", "kafka", {"letter": letter.key}, now_text), told, "tools"))


def _envelope(record: Any) -> Envelope:
    if found := open_envelope(record.value or b""):
        return found
    origin = {"topic": record.topic, "partition": record.partition, "offset": record.offset}
    raw = Arrival(record.value or b"", "kafka", origin, seen_at(record.timestamp))
    return enclosed(raw, Rejected(UNREADABLE, "no envelope: somebody else wrote it"), SERVICE_C)
