"""Batches of records that cannot be decoded, or that become very large when they are."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.codec import zstd_decode
from aiokafka.errors import KafkaError
from aiokafka.record.util import calc_crc32c

from pipeline.clients.kafka_records import MAX_DECOMPRESSED_BYTES, ExactBatch
from tests.support.foreign_records import LetterOf, Watched, event, put

HEADER_BYTES = 61
"""Of a batch in version 2 of the format."""


class DamagedBatch(ExactBatch):
    """Its bytes are changed by `damage` before they are sent, with the right checksum."""

    def __init__(self, damage: Callable[[bytearray], None], **options: Any) -> None:
        super().__init__(**options)
        self._damage = damage

    def _build(self) -> bytearray:
        built = bytearray(super()._build())
        self._damage(built)
        built[17:21] = calc_crc32c(memoryview(bytes(built[21:]))).to_bytes(4, "big")
        return built


def unknown_codec(built: bytearray) -> None:
    built[22] = 6


def more_records_than_there_are(built: bytearray) -> None:
    built[57:61] = (2).to_bytes(4, "big")
    built[23:27] = (1).to_bytes(4, "big")


def a_length_beyond_the_end(built: bytearray) -> None:
    built[61] = 0x7E


@pytest.mark.parametrize("damage", [unknown_codec, more_records_than_there_are, a_length_beyond_the_end])
async def test_the_broker_takes_no_batch_that_cannot_be_decoded(
    aws: dict[str, str], kafka: AIOKafkaProducer, source: str, damage: Callable[[bytearray], None]
) -> None:
    """So a log holds one by damage of its disk alone: tests/unit/pipeline/test_kafka_records.py has those."""
    batch = DamagedBatch(damage)
    batch.append(timestamp=None, key=None, value=event(source, "1"))
    with pytest.raises(KafkaError):
        await (await kafka.send_batch(batch, aws["kafka_topic"], partition=3))


async def test_a_batch_that_expands_to_very_much_is_one_letter(
    letter_of: LetterOf, watched: Watched, system: Any
) -> None:
    peak_kib = peak_of(system.pid("service-c"))
    body = b"\0" * (4 * MAX_DECOMPRESSED_BYTES)
    letter = await letter_of(body, partition=2, codec="zstd")
    origin = letter.envelope.origin
    assert (letter.envelope.reason, origin["last_offset"]) == ("undecodable", origin["offset"])
    assert zstd_decode(letter.body[HEADER_BYTES:]).count(b"\0") >= len(body)
    watched.require_no_restart()
    assert peak_of(system.pid("service-c")) - peak_kib < 2 * MAX_DECOMPRESSED_BYTES // 1024


async def test_many_records_that_expand_to_much_do_not_fill_the_memory(
    letter_of: LetterOf, aws: dict[str, str], kafka: AIOKafkaProducer, watched: Watched, system: Any
) -> None:
    peak_kib, body = peak_of(system.pid("service-c")), b"\0" * 10_000_000
    for _ in range(29):
        await put(kafka, aws["kafka_topic"], body, partition=2, codec="zstd")
    letter = await letter_of(body, partition=2, codec="zstd")
    assert (letter.envelope.reason, letter.envelope.omitted) == ("too_large", ("body",))
    assert peak_of(system.pid("service-c")) - peak_kib < 200 * 1024
    watched.require_no_restart()


def peak_of(pid: int) -> int:
    """The most memory that a process has had so far, in KiB."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:")))
