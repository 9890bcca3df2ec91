"""Batches that aiokafka's own reader raises for, and any bytes in the place of one."""

import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cramjam
import pytest
from aiokafka import codec as codec_of
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.util import calc_crc32c
from hypothesis import given
from hypothesis import strategies as st

from pipeline.clients.kafka_records import (
    MAX_DECOMPRESSED_BYTES,
    MAX_HEADERS,
    ReadableRecords,
    Record,
    Undecodable,
)
from pipeline.core.errors import Rejected
from pipeline.events.envelope import envelope, open_envelope
from streams.topic_agent import _arrival

CODECS = (0, 1, 2, 3, 4)
HEADER_BYTES = 61
Header = tuple[str, bytes | None]


def batch(base: int, values: Sequence[bytes | None], codec: int = 0, headers: Sequence[Header] = ()) -> bytearray:
    builder = DefaultRecordBatchBuilder(
        magic=2,
        compression_type=codec,
        is_transactional=0,
        producer_id=-1,
        producer_epoch=-1,
        base_sequence=-1,
        batch_size=2**31 - 1,
    )
    for offset, value in enumerate(values):
        builder.append(offset, timestamp=1_700_000_000_000, key=b"k", value=value, headers=list(headers))
    made = bytearray(builder.build())
    made[0:8] = base.to_bytes(8, "big")
    return made


def with_right_checksum(made: bytearray) -> bytearray:
    made[17:21] = calc_crc32c(memoryview(bytes(made[21:]))).to_bytes(4, "big")
    return made


def read(data: bytes) -> list[Record]:
    """As aiokafka's fetcher reads."""
    found: list[Record] = []
    records = ReadableRecords(data)
    while records.has_next():
        one = records.next_batch()
        assert one.validate_crc()
        found += one
        assert one.next_offset > one.base_offset
    return found


@pytest.mark.parametrize("codec", CODECS)
def test_every_codec_is_read(codec: int) -> None:
    found = read(bytes(batch(7, [b"a", None, b"c"], codec, [("h", None), ("h", b"\xff")])))
    assert [(each.offset, each.value) for each in found] == [(7, b"a"), (8, None), (9, b"c")]
    assert list(found[0].headers) == [("h", None), ("h", b"\xff")]


def test_a_header_name_that_is_no_utf8_is_read() -> None:
    made = batch(7, [b"a", b"b"], headers=[("NAME", b"v")])
    data = bytes(with_right_checksum(bytearray(bytes(made).replace(b"NAME", b"N\xff\xfeE"))))
    found = read(data + bytes(batch(9, [b"c"])))
    assert [(each.offset, each.value) for each in found] == [(7, b"a"), (8, b"b"), (9, b"c")]
    ((name, value),) = found[0].headers
    assert (name.encode(errors="surrogateescape"), value) == (b"N\xff\xfeE", b"v")


def test_a_damaged_batch_is_one_record_and_the_next_one_is_read() -> None:
    made = batch(7, [b"first", b"second"])
    made[-3] ^= 0xFF
    damaged, good = read(bytes(made) + bytes(batch(9, [b"c"])))
    assert isinstance(damaged.value, Undecodable)
    assert (damaged.offset, damaged.value.last_offset, bytes(damaged.value)) == (7, 8, bytes(made))
    assert "checksum" in damaged.value.detail
    assert (good.offset, good.value) == (9, b"c")


def test_a_damaged_batch_can_be_a_dead_letter() -> None:
    made = batch(7, [b"first"])
    made[-3] ^= 0xFF
    (damaged,) = read(bytes(made))
    message = SimpleNamespace(**damaged._asdict(), topic="events", partition=0)
    written = open_envelope(envelope(_arrival(message), Rejected("undecodable", ""), "service-c"))
    assert written
    assert written.body_base64 == bytes(made)


def test_a_codec_that_nobody_knows_is_one_record() -> None:
    made = batch(7, [b"first", b"second"])
    made[22] = 6
    (found,) = read(bytes(with_right_checksum(made)))
    assert isinstance(found.value, Undecodable)
    assert (found.value.last_offset, "codec" in found.value.detail) == (8, True)


@pytest.mark.parametrize("codec", CODECS[1:])
def test_a_batch_that_expands_to_very_much_is_one_record(codec: int) -> None:
    large = [b"\0" * (MAX_DECOMPRESSED_BYTES // 2)] * 2
    expanding, good = read(bytes(batch(7, large, codec)) + bytes(batch(9, [b"c"])))
    assert isinstance(expanding.value, Undecodable)
    assert (expanding.offset, expanding.value.last_offset, good.value) == (7, 8, b"c")
    assert "33,554,432 bytes" in expanding.value.detail
    assert len(expanding.value) < 4 * 2**20


READS = """
import pathlib, resource, sys
from tests.unit.pipeline.test_kafka_records import read
data = pathlib.Path(sys.argv[1]).read_bytes()
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
(found,) = read(data)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before, found.value.detail)
"""


@pytest.mark.parametrize(
    ("number", "compressor"),
    [(1, cramjam.gzip.Compressor), (4, cramjam.zstd.Compressor)],
    ids=["gzip", "zstd"],
)
def test_half_a_gigabyte_in_a_small_batch_is_not_made(
    number: int, compressor: Callable[[], Any], tmp_path: Path
) -> None:
    packing = compressor()
    for _ in range(512):
        packing.compress(bytes(2**20))
    made = repacked(batch(7, [b"a"]), bytes(packing.finish()), number)
    assert len(made) < 2**20
    file = tmp_path / "batch"
    file.write_bytes(made)
    done = subprocess.run([sys.executable, "-c", READS, file], capture_output=True, text=True, check=True, timeout=60)
    grown_kib, _, detail = done.stdout.partition(" ")
    assert "33,554,432 bytes" in detail
    assert int(grown_kib) < 64 * 1024


def fetched(data: bytes) -> list[list[Record]]:
    """As aiokafka fetches: an answer after the other, each from the offset that the one before has reached."""
    answers: list[list[Record]] = []
    at = 0
    while at < len(data):
        records = ReadableRecords(data[at:])
        answers.append([])
        while records.has_next():
            one = records.next_batch()
            assert one.validate_crc()
            at += len(one._raw)
            answers[-1] += one
    return answers


@pytest.mark.parametrize("codec", [1, 2, 3, 4])
def test_an_answer_of_many_batches_that_expand_to_much_is_read_in_parts(codec: int) -> None:
    large = b"x" * 6_000_000
    data = b"".join(bytes(batch(number, [large], codec)) for number in range(8))
    answers = fetched(data)
    assert [[each.offset for each in part] for part in answers] == [[0, 1, 2], [3, 4, 5], [6, 7]]
    assert {each.value for part in answers for each in part} == {large}


def test_an_answer_of_small_compressed_batches_is_read_at_once() -> None:
    data = b"".join(bytes(batch(number, [b"x" * 10_000] * 10, 4)) for number in range(100))
    assert [len(part) for part in fetched(data)] == [1000]


def test_headers_count_as_what_they_take_in_memory() -> None:
    data = b"".join(bytes(batch(number, [b"x"], headers=[("", None)] * 60_000)) for number in range(8))
    answers = fetched(data)
    assert [len(part) for part in answers] == [4, 4]
    assert {len(each.headers) for part in answers for each in part} == {60_000}


def test_a_large_batch_with_a_record_of_very_many_headers_is_one_record() -> None:
    made = bytes(batch(7, [b"x"], 4, headers=[("", None)] * 600_000))
    (found,) = read(made)
    assert isinstance(found.value, Undecodable)
    assert (found.offset, found.value) == (7, made)
    assert "600000 headers" in found.value.detail
    (kept,) = read(bytes(batch(7, [b"x" * 2_000_000], 4, headers=[("a", b"b")] * MAX_HEADERS)))
    assert len(kept.headers) == MAX_HEADERS


@pytest.mark.parametrize("is_framed", [True, False])
def test_snappy_is_read_in_its_framing_and_without(is_framed: bool) -> None:
    made = batch(7, [b"first" * 20_000])
    packed = codec_of.snappy_encode(bytes(made[HEADER_BYTES:]), xerial_compatible=is_framed)
    (found,) = read(bytes(repacked(made, packed, 2)))
    assert found.value == b"first" * 20_000


def repacked(made: bytearray, payload: bytes, codec: int) -> bytearray:
    """The header of a batch before another payload, of `codec`."""
    one = made[:HEADER_BYTES] + payload
    one[8:12], one[22] = (len(one) - 12).to_bytes(4, "big"), codec
    return with_right_checksum(one)


@given(st.integers(0, 120), st.integers(1, 255), st.booleans(), st.sampled_from(CODECS))
def test_no_damaged_byte_raises(place: int, change: int, is_summed: bool, codec: int) -> None:
    made = batch(7, [b"first" * 5, b"second" * 5], codec, [("name", b"value")])
    place = 12 + place % (len(made) - 12)  # behind the length, by which a broker finds the batch
    made[place] ^= change
    if is_summed:
        with_right_checksum(made)
    *_, good = read(bytes(made) + bytes(batch(9, [b"c"])))
    assert (good.offset, good.value) == (9, b"c")


def test_a_batch_cut_off_at_the_end_is_left_for_the_next_fetch() -> None:
    records = ReadableRecords(bytes(batch(7, [b"a"])) + bytes(batch(8, [b"b"]))[:-1])
    assert [each.offset for each in records.next_batch()] == [7]
    assert not records.has_next()
