"""Batches that aiokafka's own reader raises for, and any bytes in the place of one."""

from collections.abc import Sequence

import pytest
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.util import calc_crc32c
from hypothesis import given
from hypothesis import strategies as st

from pipeline.kafka_records import ReadableRecords, Record, Undecodable

CODECS = (0, 1, 2, 3, 4)
Header = tuple[str, bytes | None]


def batch(base: int, values: Sequence[bytes | None], codec: int = 0, headers: Sequence[Header] = ()) -> bytearray:
    builder = DefaultRecordBatchBuilder(
        magic=2,
        compression_type=codec,
        is_transactional=0,
        producer_id=-1,
        producer_epoch=-1,
        base_sequence=-1,
        batch_size=10_000_000,
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


def test_a_codec_that_nobody_knows_is_one_record() -> None:
    made = batch(7, [b"first", b"second"])
    made[22] = 6
    (found,) = read(bytes(with_right_checksum(made)))
    assert isinstance(found.value, Undecodable)
    assert (found.value.last_offset, "codec" in found.value.detail) == (8, True)


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
