"""Fetched Kafka records, of which none stops its consumer.

aiokafka raises where it cannot decode a record (a header name that is not UTF-8, a damaged
batch), says nothing of which partition it was, and raises again at the next fetch. Here such a
batch is decoded once more, record by record, with less strictness. What still cannot be decoded
becomes one record whose value is `Undecodable`; the batches behind it are read as ever.

A compressed batch is decompressed here, into a buffer with an end: aiokafka's reader would
make gigabytes of one that has a few kilobytes in the log. And of an answer with many such batches
only the first are read: the others are fetched again.

aiokafka's compiled writer, too, knows only header names in UTF-8: `ExactBatch` writes any.
"""

import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from mmap import mmap
from typing import Any, NamedTuple

import cramjam
from aiokafka.consumer import fetcher
from aiokafka.errors import CorruptRecordException, UnsupportedCodecError
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.record.default_records import DefaultRecordBase, _DefaultRecordBatchBuilderPy
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.record.util import decode_varint

_FRAME = struct.Struct(">qi")
"""What each batch begins with, in every version of the format: its base offset, and how many bytes follow."""
_LENGTH = struct.Struct(">i")
_MAGIC = 16
_ATTRIBUTES = 22
"""The lower of the two bytes."""
_LOG_APPEND_TIME = 0x08
_CODEC = 0x07
_ANY_SIZE = 2**31 - 1
MAX_DECOMPRESSED_BYTES = 32 * 2**20
"""Of a batch. As the log has it, it is at most as large as the topic's `max.message.bytes`, 1 MiB by default."""
_MOST_AT_ONCE_BYTES = 16 * 2**20
"""Of what the batches of one answer take in memory beyond their own bytes: what stands behind is fetched again."""
_LARGE_BYTES = 2**20
"""Of a decompressed batch: a larger one, which has more than any other batch, is read with a bound on headers."""
MAX_HEADERS = 1000
"""Of a record in a large batch: a few MiB can hold a million, which take a hundred times as much in memory."""
_HEADER_BYTES = 80
"""What a header takes in memory besides its name and value."""
_XERIAL = struct.Struct(">8sii")
"""The header of snappy as xerial's library frames it: each block follows its length."""
_XERIAL_MAGIC = b"\x82SNAPPY\0"


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
        self._latest: ReadableBatch | None = None
        self._expanded_bytes = 0

    def size_in_bytes(self) -> int:
        """How many bytes the answer has, a batch that is cut off at its end included."""
        return len(self._data)

    def has_next(self) -> bool:
        """Whether there is another whole batch, and those before it have not expanded to too much."""
        if self._latest:
            self._expanded_bytes += self._latest.expanded_bytes
            self._latest = None
        return self._expanded_bytes < _MOST_AT_ONCE_BYTES and bool(self._records.has_next())

    def next_batch(self) -> "ReadableBatch":
        """The next batch."""
        self._latest = self._next_batch()
        return self._latest

    def _next_batch(self) -> "ReadableBatch":
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
        self.expanded_bytes = 0
        """What it takes in memory beyond its own bytes, as far as it was read."""
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
        try:
            raw, batch = self._decompressed()
        except Exception as error:  # noqa: BLE001 - codecs and decoders have many
            yield self._undecodable(self.base_offset, f"{type(error).__name__}: {error}")
            return
        reached = self.base_offset
        if batch is None:
            yield from self._read_again(raw, reached)
            return
        try:
            for record in batch:
                reached = record.offset + 1
                self.expanded_bytes += _HEADER_BYTES * len(record.headers)
                yield record
        except Exception:  # noqa: BLE001 - as above; the next attempt gives the reason
            yield from self._read_again(raw, reached)

    def __next__(self) -> Any:
        """The record of a control batch."""
        return next(self._batch)

    def _decompressed(self) -> tuple[bytearray | memoryview, Any]:
        """The bytes of the batch without its codec, and the batch of them, but for a large one.

        Raises what decompressing raises.
        """
        if self._raw[_MAGIC] != 2 or not self._raw[_ATTRIBUTES] & _CODEC:
            return self._raw, self._batch
        raw = _decompressed(bytes(self._raw))
        self.expanded_bytes = len(raw)
        return raw, MemoryRecords(bytes(raw)).next_batch() if len(raw) <= _LARGE_BYTES else None

    def _read_again(self, raw: bytearray | memoryview, reached: int) -> Iterator[Record]:
        try:
            for record in _records(raw if isinstance(raw, bytearray) else bytearray(raw)):
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

    def __init__(self, data: bytearray, position: int) -> None:
        self._data = data
        self.position = position

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


def _decompressed(raw: bytes) -> bytearray:
    """The same batch of version 2 without its codec; its checksum is no longer right.

    Raises CorruptRecordException where it cannot be decompressed or has more than MAX_DECOMPRESSED_BYTES.
    """
    plain = bytearray(raw[: DefaultRecordBase.HEADER_STRUCT.size])
    number = plain[_ATTRIBUTES] & _CODEC
    if (decompress_into := _DECOMPRESS_INTO.get(number)) is None:
        raise UnsupportedCodecError(f"codec {number} is none that the format has")
    # Anonymous memory: a page of it costs nothing until something is written into it.
    with mmap(-1, MAX_DECOMPRESSED_BYTES) as buffer:
        try:
            size = decompress_into(raw[len(plain) :], buffer)
        except cramjam.DecompressionError as error:
            why = f"codec {number}: damaged, or more than {MAX_DECOMPRESSED_BYTES:,} bytes ({error})"
            raise CorruptRecordException(why) from error
        plain[_ATTRIBUTES] &= ~_CODEC
        _FRAME.pack_into(plain, 0, _FRAME.unpack_from(raw)[0], len(plain) + size - _FRAME.size)
        plain += buffer[:size]
    return plain


def _snappy_into(payload: bytes, buffer: mmap) -> int:
    """Decompress snappy, which Kafka's clients write in xerial's framing or in none; how many bytes came out."""
    if not payload.startswith(_XERIAL_MAGIC):
        return int(cramjam.snappy.decompress_raw_into(payload, buffer))
    position, end = _XERIAL.size, 0
    with memoryview(buffer) as free:
        while position < len(payload):
            (length,) = _LENGTH.unpack_from(payload, position)
            position += _LENGTH.size
            end += cramjam.snappy.decompress_raw_into(payload[position : position + length], free[end:])
            position += length
    return end


_DECOMPRESS_INTO: Mapping[int, Callable[[bytes, mmap], int]] = {
    1: cramjam.gzip.decompress_into,
    2: _snappy_into,
    3: cramjam.lz4.decompress_into,
    4: cramjam.zstd.decompress_into,
}


def _records(raw: bytearray) -> Iterator[Record]:
    """The records of a batch of version 2 without a codec. Raises CorruptRecordException."""
    if raw[_MAGIC] != 2:
        raise CorruptRecordException(f"version {raw[_MAGIC]} of the format")
    header = DefaultRecordBase.HEADER_STRUCT
    base_offset, _, _, _, _, attributes, _, first_time, max_time, _, _, _, count = header.unpack_from(raw)
    if attributes & _CODEC:
        raise CorruptRecordException("it is compressed")
    reader, time_type = _Reader(raw, header.size), int(bool(attributes & _LOG_APPEND_TIME))
    most_headers = MAX_HEADERS if len(raw) > _LARGE_BYTES else len(raw)
    for _ in range(count):
        end = reader.number() + reader.position
        reader.number()  # attributes: none has a meaning
        timestamp = first_time + reader.number()
        offset = base_offset + reader.number()
        key, value, headers = reader.octets(), reader.octets(), tuple(_headers(reader, most_headers))
        if reader.position != end:
            raise CorruptRecordException(f"the record at offset {offset} has another length than it says")
        yield Record(offset, max_time if time_type else timestamp, time_type, key, value, headers)


def _headers(reader: _Reader, most: int) -> Iterator[tuple[str, bytes | None]]:
    count = reader.number()
    if count > most:
        raise CorruptRecordException(f"a record with {count} headers in a batch of more than {_LARGE_BYTES} bytes")
    for _ in range(count):
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
