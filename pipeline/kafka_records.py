"""Fetched Kafka records, of which none stops its consumer.

aiokafka raises where it cannot decode a record (a header name that is not UTF-8, a damaged
batch), says nothing of which partition it was, and raises again at the next fetch. Here such a
batch is decoded once more, record by record, with less strictness. What still cannot be decoded
becomes one record whose value is `Undecodable`; the batches behind it are read as ever.

aiokafka's compiled writer, too, knows only header names in UTF-8: `ExactBatch` writes any.
"""

import struct
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from aiokafka import codec
from aiokafka.consumer import fetcher
from aiokafka.errors import CorruptRecordException, UnsupportedCodecError
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.record.default_records import DefaultRecordBase, _DefaultRecordBatchBuilderPy
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.record.util import decode_varint

_FRAME = struct.Struct(">qi")
"""What each batch begins with, in every version of the format: its base offset, and how many bytes follow."""
_MAGIC = 16
_LOG_APPEND_TIME = 0x08
_CODEC = 0x07
_ANY_SIZE = 2**31 - 1
_DECOMPRESS: dict[int, Callable[[bytes], bytes]] = {
    0: lambda payload: payload,
    1: codec.gzip_decode,
    2: codec.snappy_decode,
    3: codec.lz4_decode,
    4: codec.zstd_decode,
}


def read_all_records() -> None:
    """Make every consumer of this process read records as this module does; safe to repeat.

    aiokafka has no parameter for it: its fetcher takes the class by this name.
    """
    fetcher.MemoryRecords = ReadableRecords


class Undecodable(bytes):
    """The value of a record that stands for all from its offset to `last_offset`: their batch as the log has it."""

    detail: str
    last_offset: int


class Record(NamedTuple):
    """A record, with the names that aiokafka has for its members."""

    offset: int
    timestamp: int
    timestamp_type: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]]
    """A byte of a name that is not UTF-8 is a lone surrogate, as Python's `surrogateescape` has it."""
    checksum: int | None = None


class ExactBatch(BatchBuilder):  # type: ignore[misc]
    """A batch for `AIOKafkaProducer.send_batch` whose records have headers as `Record` has them."""

    def __init__(self, *, codec_number: int = 0, is_transactional: bool = False) -> None:
        super().__init__(0, codec_number)
        self._builder = _DefaultRecordBatchBuilderPy(2, codec_number, int(is_transactional), -1, -1, 0, _ANY_SIZE)

    def append(
        self,
        *,
        timestamp: int | None,
        key: bytes | None,
        value: bytes | None,
        headers: Sequence[tuple[str, bytes | None]] = (),
    ) -> Any:
        """Add a record; `timestamp` is in milliseconds, None is now."""
        named = [(_Name(name), content) for name, content in headers]
        return super().append(timestamp=timestamp, key=key, value=value, headers=named)

    def _set_producer_state(self, producer_id: int, producer_epoch: int, base_sequence: int) -> None:
        self._builder.set_producer_state(producer_id, producer_epoch, base_sequence)


class _Name(str):
    """A header's name, which brings back the bytes that were not UTF-8."""

    __slots__ = ()

    def encode(self, encoding: str = "utf-8", errors: str = "surrogateescape") -> bytes:
        return super().encode(encoding, errors)


class ReadableRecords:
    """The batches of one partition in the answer to a fetch."""

    def __init__(self, data: bytes) -> None:
        self._data = memoryview(data)
        self._begin = 0
        self._records = MemoryRecords(data)

    def size_in_bytes(self) -> int:
        """How many bytes the answer has, a batch that is cut off at its end included."""
        return len(self._data)

    def has_next(self) -> bool:
        """Whether there is another whole batch."""
        return bool(self._records.has_next())

    def next_batch(self) -> "ReadableBatch":
        """The next batch."""
        base_offset, length = _FRAME.unpack_from(self._data, self._begin)
        end = self._begin + _FRAME.size + max(0, length)
        raw, self._begin = self._data[self._begin : end], end
        try:
            return ReadableBatch(raw, self._records.next_batch())
        except Exception as error:  # noqa: BLE001 - a damaged version number has it read as another format
            self._records = MemoryRecords(bytes(self._data[end:]))
            return ReadableBatch(raw, _NoBatch(base_offset), str(error))


class ReadableBatch:
    """One batch, as aiokafka's fetcher asks for it."""

    def __init__(self, raw: memoryview, batch: Any, damage: str = "") -> None:
        self._raw = raw
        self._batch = batch
        self._damage = damage
        self.base_offset: int = batch.base_offset
        self.next_offset: int = max(batch.next_offset, batch.base_offset + 1)
        self.producer_id: int | None = batch.producer_id
        self.is_control_batch: bool = batch.is_control_batch
        self.is_transactional: bool = batch.is_transactional

    def validate_crc(self) -> bool:
        """True: a batch whose checksum is wrong is not decoded, and is not an error either."""
        if not self._damage and not self._batch.validate_crc():
            self._damage = "the checksum of its batch is wrong"
        if self._damage:
            # Nothing that the checksum covers can be relied on.
            self.is_control_batch = self.is_transactional = False
            self.next_offset = _next_offset_of_damaged(self._raw, self.base_offset)
        return True

    def __iter__(self) -> Iterator[Any]:
        """The records; one whose value is `Undecodable` in place of those that cannot be decoded."""
        if self._damage:
            yield self._undecodable(self.base_offset, self._damage)
            return
        reached = self.base_offset
        try:
            for record in self._batch:
                reached = record.offset + 1
                yield record
        except Exception:  # noqa: BLE001 - codecs and decoders have many; the next attempt gives the reason
            yield from self._read_again(reached)

    def __next__(self) -> Any:
        """The record of a control batch."""
        return next(self._batch)

    def _read_again(self, reached: int) -> Iterator[Record]:
        try:
            for record in _records(bytes(self._raw)):
                if record.offset >= reached:
                    reached = record.offset + 1
                    yield record
        except Exception as error:  # noqa: BLE001 - as above
            yield self._undecodable(reached, f"{type(error).__name__}: {error}")

    def _undecodable(self, offset: int, detail: str) -> Record:
        value = Undecodable(self._raw)
        value.detail, value.last_offset = detail, max(offset, self.next_offset - 1)
        return Record(offset, -1, 0, None, value, ())


class _NoBatch(NamedTuple):
    """A batch that is too short to be one."""

    base_offset: int
    producer_id: None = None
    is_control_batch: bool = False
    is_transactional: bool = False

    @property
    def next_offset(self) -> int:
        return self.base_offset + 1


class _Reader:
    """Takes the parts of records from `data`, one after another. Raises CorruptRecordException and IndexError."""

    def __init__(self, data: bytes) -> None:
        self._data = bytearray(data)
        self.position = 0

    def number(self) -> int:
        value, self.position = decode_varint(self._data, self.position)
        return int(value)

    def octets(self) -> bytes | None:
        """Bytes with their length before them; None where the length is negative."""
        length = self.number()
        end = self.position + max(0, length)
        if end > len(self._data):
            raise CorruptRecordException(f"{length} bytes are announced, {len(self._data) - self.position} are left")
        taken, self.position = bytes(self._data[self.position : end]), end
        return None if length < 0 else taken


def _records(raw: bytes) -> Iterator[Record]:
    """The records of a batch of version 2. Raises whatever its codec does, and CorruptRecordException."""
    if raw[_MAGIC] != 2:
        raise CorruptRecordException(f"version {raw[_MAGIC]} of the format")
    header = DefaultRecordBase.HEADER_STRUCT
    base_offset, _, _, _, _, attributes, _, first_time, max_time, _, _, _, count = header.unpack_from(raw)
    if (decompress := _DECOMPRESS.get(attributes & _CODEC)) is None:
        raise UnsupportedCodecError(f"codec {attributes & _CODEC} is none that the format has")
    reader, time_type = _Reader(decompress(raw[header.size :])), int(bool(attributes & _LOG_APPEND_TIME))
    for _ in range(count):
        end = reader.number() + reader.position
        reader.number()  # attributes: none has a meaning
        timestamp = first_time + reader.number()
        offset = base_offset + reader.number()
        key, value, headers = reader.octets(), reader.octets(), tuple(_headers(reader))
        if reader.position != end:
            raise CorruptRecordException(f"the record at offset {offset} has another length than it says")
        yield Record(offset, max_time if time_type else timestamp, time_type, key, value, headers)


def _headers(reader: _Reader) -> Iterator[tuple[str, bytes | None]]:
    for _ in range(reader.number()):
        name = reader.octets()
        if name is None:
            raise CorruptRecordException("a header without a name")
        yield name.decode(errors="surrogateescape"), reader.octets()


def _next_offset_of_damaged(raw: memoryview, base_offset: int) -> int:
    """Behind the batch where its two counts agree; else the next offset, lest records be passed over unseen."""
    if len(raw) < DefaultRecordBase.HEADER_STRUCT.size:
        return base_offset + 1
    header = DefaultRecordBase.HEADER_STRUCT.unpack_from(raw)
    last_offset_delta, count = header[6], header[12]
    return base_offset + (count if 0 < count == last_offset_delta + 1 else 1)
