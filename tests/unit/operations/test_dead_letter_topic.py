"""Markers and letters in the Kafka dead-letter topic, whoever wrote them."""

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import TopicPartition

from operations.dead_letter_topic import TopicReading
from operations.dead_letters import UNREADABLE
from pipeline.core.settings.kafka import KafkaSettings

TOPIC = TopicPartition("dead", 0)


@dataclass
class Consumer:
    """One partition with these headers of records, which have no value."""

    headers: list[list[tuple[str, bytes | None]]]
    position_now: int = 0

    async def end_offsets(self, _: Any) -> dict[TopicPartition, int]:
        return {TOPIC: len(self.headers)}

    async def beginning_offsets(self, _: Any) -> dict[TopicPartition, int]:
        return {TOPIC: 0}

    def assign(self, _: Any) -> None:
        self.position_now = 0

    def seek(self, _: TopicPartition, offset: int) -> None:
        self.position_now = offset

    async def position(self, _: TopicPartition) -> int:
        return self.position_now

    async def getmany(self, *_: TopicPartition, timeout_ms: int) -> dict[TopicPartition, list[Any]]:
        assert timeout_ms
        self.position_now = len(self.headers)
        return {TOPIC: [record(offset, headers) for offset, headers in enumerate(self.headers)]}


class Producer:
    """Knows the partitions."""

    async def partitions_for(self, _: str) -> set[int]:
        return {0}


def record(offset: int, headers: list[tuple[str, bytes | None]]) -> Any:
    return SimpleNamespace(topic="dead", partition=0, offset=offset, timestamp=0, value=None, headers=headers)


async def test_a_marker_settles_its_letter() -> None:
    consumer: Any = Consumer([[], [], [("settles", b"0:0")]])
    producer: Any = Producer()
    reading = TopicReading(consumer, producer, KafkaSettings())
    assert [letter.key async for letter in reading.letters()] == ["kafka:0:1"]
    assert [letter.key async for letter in reading.everything()] == ["kafka:0:0", "kafka:0:1"]


@pytest.mark.parametrize("value", [b"\xff\xfe", b"", None, b"0", b"0:x", b"0:0\n", "\u0660:\u0660".encode()])
async def test_what_is_no_marker_of_ours_is_an_unreadable_letter(value: bytes | None) -> None:
    consumer: Any = Consumer([[], [("settles", value)]])
    producer: Any = Producer()
    letters = [letter async for letter in TopicReading(consumer, producer, KafkaSettings()).letters()]
    assert [letter.key for letter in letters] == ["kafka:0:0", "kafka:0:1"]
    assert {letter.envelope.reason for letter in letters} == {UNREADABLE}
