"""Records that any Kafka client can write: each event is stored, and none stops or restarts service C."""

import asyncio
import os
import random
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal

import httpx
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.admin.records_to_delete import RecordsToDelete
from aiokafka.codec import zstd_decode
from aiokafka.errors import KafkaError
from aiokafka.record.util import calc_crc32c

from cli.addresses import find
from operations.dead_letters import DeadLetter, Place, Reading
from pipeline.clients import kafka as kafka_clients
from pipeline.clients.aws import client
from pipeline.clients.kafka_records import MAX_DECOMPRESSED_BYTES, ExactBatch
from pipeline.core.settings.kafka import KafkaSettings
from pipeline.events.delivery import Attribute
from stack.http_client import http_client
from tests.support.foreign_records import CODECS, Headers, Watched, event, producing, put, stored_by_kafka
from tests.support.mensageria import Tool
from tests.support.waiting import until

STORED_S = 20
HEADER_BYTES = 61
"""Of a batch in version 2 of the format."""


@pytest.fixture
async def query(aws: dict[str, str]) -> AsyncIterator[httpx.AsyncClient]:
    async with http_client(base_url=aws["query"], timeout=30) as made:
        yield made


@pytest.fixture
async def watched(system: Any, aws: dict[str, str]) -> AsyncIterator[Watched]:
    async with http_client(timeout=10) as made:
        yield Watched(system, made)


@pytest.fixture
async def kafka(aws: dict[str, str]) -> AsyncIterator[AIOKafkaProducer]:
    async with producing(aws["kafka"]) as made:
        yield made


async def stored(query: httpx.AsyncClient, source: str, *ids: str) -> dict[str, Any]:
    """Wait until Kafka has brought them all; the last one's answer."""
    found: dict[str, Any] | None = None
    for id_ in ids:
        found = await until(lambda id_=id_: stored_by_kafka(query, source, id_), within_s=STORED_S)  # type: ignore[misc]
    assert found
    return found


async def committed(aws: dict[str, str]) -> tuple[dict[int, int], dict[int, int]]:
    """By partition, what service C has committed, and the topic's end."""
    admin = AIOKafkaAdminClient(bootstrap_servers=aws["kafka"])
    await admin.start()
    try:
        offsets = await admin.list_consumer_group_offsets("service-c")
    finally:
        await admin.close()
    ours = {tp.partition: found.offset for tp, found in offsets.items() if tp.topic == aws["kafka_topic"]}
    async with AIOKafkaConsumer(bootstrap_servers=aws["kafka"]) as consumer:
        ends = await consumer.end_offsets([TopicPartition(aws["kafka_topic"], each) for each in ours])
    return ours, {tp.partition: end for tp, end in ends.items()}


async def test_transactions_leave_no_lag_behind(
    aws: dict[str, str], query: httpx.AsyncClient, watched: Watched, kafka: AIOKafkaProducer, source: str
) -> None:
    topic = aws["kafka_topic"]
    async with (
        producing(aws["kafka"], transactional_id=f"{source}-1") as one,
        producing(aws["kafka"], transactional_id=f"{source}-2") as other,
    ):
        for each in (one, other):
            await each.begin_transaction()
            await each.send_and_wait(topic, event(source, f"tx-{each is one}"), partition=0)
        await one.commit_transaction()  # two markers stand in a row
        await other.commit_transaction()
        await one.begin_transaction()
        await one.send_and_wait(topic, event(source, "aborted"), partition=0)
        await one.abort_transaction()
    await stored(query, source, "tx-True", "tx-False")
    await watched.rest()
    assert await stored_by_kafka(query, source, "aborted") is None
    await put(kafka, topic, event(source, "later"), partition=0)
    await stored(query, source, "later")

    async def all_committed() -> bool:
        ours, ends = await committed(aws)
        return ours == ends

    await until(all_committed, within_s=15)
    assert await stored_by_kafka(query, source, "aborted") is None


async def test_what_stands_behind_an_open_transaction_is_no_work_until_it_ends(
    aws: dict[str, str], query: httpx.AsyncClient, watched: Watched, kafka: AIOKafkaProducer, source: str
) -> None:
    topic = aws["kafka_topic"]
    async with producing(aws["kafka"], transactional_id=source) as transactional:
        await transactional.begin_transaction()
        await transactional.send_and_wait(topic, event(source, "inside"), partition=0)
        await put(kafka, topic, event(source, "behind"), partition=0)
        await put(kafka, topic, event(source, "elsewhere"), partition=1)
        await stored(query, source, "elsewhere")
        await watched.rest()
        assert await stored_by_kafka(query, source, "behind") is None
        await transactional.commit_transaction()
    await stored(query, source, "inside", "behind")
    watched.require_no_restart()


@pytest.mark.parametrize("codec", CODECS)
async def test_every_codec_is_read(
    aws: dict[str, str],
    query: httpx.AsyncClient,
    watched: Watched,
    kafka: AIOKafkaProducer,
    source: str,
    codec: str,
) -> None:
    topic = aws["kafka_topic"]
    await put(kafka, topic, event(source, codec), partition=2, codec=codec)
    await put(kafka, topic, event(source, "behind"), partition=2)
    await put(kafka, topic, event(source, "elsewhere"), partition=3)
    await stored(query, source, codec, "behind", "elsewhere")
    watched.require_no_restart()


async def test_the_topic_may_have_a_codec_of_its_own(
    aws: dict[str, str], query: httpx.AsyncClient, watched: Watched, source: str
) -> None:
    async with compressing(aws, "zstd"), http_client(base_url=aws["gateway"], timeout=30) as gateway:
        for number in range(10):
            body = {"type": "test.foreign", "source": source, "id": str(number), "data": "text " * 50}
            assert (await gateway.post("/events", json=body)).status_code == 202
        await stored(query, source, *map(str, range(10)))
        await watched.rest()


@asynccontextmanager
async def compressing(aws: dict[str, str], codec: str) -> AsyncIterator[None]:
    """The topic's setting `compression.type`, as whoever runs the cluster may change it."""
    admin = AIOKafkaAdminClient(bootstrap_servers=aws["kafka"])
    await admin.start()

    async def change(value: str) -> None:
        resource = ConfigResource(ConfigResourceType.TOPIC, aws["kafka_topic"], {"compression.type": value})
        (answer,) = await admin.alter_configs([resource])
        assert [each[0] for each in answer.resources] == [0], answer

    try:
        await change(codec)
        yield
        await change("producer")
    finally:
        await admin.close()


async def test_headers_of_any_name_and_value_hold_nothing_up(
    aws: dict[str, str], query: httpx.AsyncClient, watched: Watched, kafka: AIOKafkaProducer, source: str
) -> None:
    headers = [
        ("\udcff\udcfe", b"1"),
        ("null", None),
        ("twice", b"1"),
        ("twice", b"\xff"),
        ("received_at", None),
        ("", b""),
    ]
    await put(kafka, aws["kafka_topic"], event(source, "1"), partition=1, headers=headers, key=b"\xff\0")
    await put(kafka, aws["kafka_topic"], event(source, "2"), partition=1)
    await stored(query, source, "1", "2")
    watched.require_no_restart()


async def test_records_that_were_deleted_before_they_were_read_are_no_lag(
    aws: dict[str, str], query: httpx.AsyncClient, watched: Watched, kafka: AIOKafkaProducer, system: Any, source: str
) -> None:
    topic, pid = aws["kafka_topic"], system.pid("service-c")
    await watched.rest()
    os.kill(pid, signal.SIGSTOP)
    try:
        # It may have a fetch under way, which brings the first of them.
        last = [await put(kafka, topic, event(source, str(number)), partition=3) for number in range(20)][-1]
        admin = AIOKafkaAdminClient(bootstrap_servers=aws["kafka"])
        await admin.start()
        await admin.delete_records({TopicPartition(topic, 3): RecordsToDelete(last + 1)})
        await admin.close()
    finally:
        os.kill(pid, signal.SIGCONT)
    await watched.rest()
    await put(kafka, topic, event(source, "later"), partition=3)
    await stored(query, source, "later")
    await asyncio.wait_for(watched.rest(), 30)


@asynccontextmanager
async def letters_of(system: Any, place: Place, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Reading]:
    monkeypatch.setenv("MENSAGERIA_HOME", str(system.home))
    async with find().places.dead_letters(place) as reading:
        yield reading


LetterOf = Callable[..., Awaitable[DeadLetter]]


@pytest.fixture
def letter_of(
    aws: dict[str, str],
    query: httpx.AsyncClient,
    kafka: AIOKafkaProducer,
    source: str,
    system: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> LetterOf:
    """Writes a record, waits until an event behind it is stored, and gives the record's dead letter."""

    async def written(body: bytes, partition: int, **options: Any) -> DeadLetter:
        topic = aws["kafka_topic"]
        offset = await put(kafka, topic, body, partition=partition, **options)
        await put(kafka, topic, event(source, f"behind {offset}"), partition=partition)
        await stored(query, source, f"behind {offset}")
        place = {"topic": topic, "partition": partition, "offset": offset}
        async with letters_of(system, "kafka", monkeypatch) as reading:
            # A whole batch also has its last offset.
            found = [each async for each in reading.letters() if place.items() <= each.envelope.origin.items()]
        (letter,) = found
        return letter

    return written


async def test_events_in_binary_mode_are_stored_under_their_own_identity(
    aws: dict[str, str], query: httpx.AsyncClient, kafka: AIOKafkaProducer, watched: Watched, source: str
) -> None:
    def headers(id_: str, content_type: bytes | None) -> Headers:
        attributes = {"specversion": "1.0", "id": id_, "source": source, "type": "t", "subject": "ol\u00e1"}
        named = [(f"ce_{name}", value.encode()) for name, value in attributes.items()]
        return named if content_type is None else [("content-type", content_type), *named]

    values = {"bin-1": (b"application/json", b'{"total": 12.5}'), "bin-2": (None, b'{"total": 12.5}')}
    values |= {
        "bin-3": (b"application/octet-stream", b"\0\xff\1"),
        "bin-4": (b"application/json", event(source, "inner")),
    }
    for id_, (content_type, value) in values.items():
        await put(kafka, aws["kafka_topic"], value, partition=1, headers=headers(id_, content_type), key=b"k")
    await put(kafka, aws["kafka_topic"], event(source, "after"), partition=1)
    found = [(await stored(query, source, id_))["event"] for id_ in (*values, "after")]
    assert [each.get("data", each.get("data_base64")) for each in found[:3]] == [{"total": 12.5}] * 2 + ["AP8B"]
    assert (found[0]["subject"], found[3]["data"]["id"]) == ("ol\u00e1", "inner")
    assert await stored_by_kafka(query, source, "inner") is None
    watched.require_no_restart()


@pytest.mark.parametrize("timestamp", [-1, 0, -(10**15), 86_400_000])
async def test_a_timestamp_of_any_value_holds_nothing_up(
    aws: dict[str, str],
    query: httpx.AsyncClient,
    kafka: AIOKafkaProducer,
    watched: Watched,
    source: str,
    timestamp: int,
) -> None:
    await put(kafka, aws["kafka_topic"], event(source, "1"), partition=0, timestamp=timestamp)
    found = await stored(query, source, "1")
    assert found["receipt"]["received_at"] > "2026"
    listed = (await query.get("/events", params={"source": source})).json()["events"]
    assert [each["id"] for each in listed] == ["1"]
    watched.require_no_restart()


async def test_a_record_that_is_sent_again_is_the_same_record(
    aws: dict[str, str], kafka: AIOKafkaProducer, system: Any, source: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    body, key = f"no event {source}".encode(), b"\xff\0"
    headers = [("\udcff", b"1"), ("null", None), ("twice", b"1"), ("twice", b"\xff")]
    begun = await put(kafka, aws["kafka_topic"], body, partition=2, headers=headers, key=key)

    async def found() -> list[DeadLetter]:
        async with letters_of(system, "kafka", monkeypatch) as reading:
            return [letter async for letter in reading.letters() if letter.body == body]

    (letter,) = await until(found, within_s=30)
    tool = Tool(system.home, ("dead-letters",))
    shown = (await tool("show", letter.key, "--json")).lines[0]
    assert (shown["record_key_base64"], shown["headers"][2]) == ("/wA=", {"name": "twice", "value": "1"})
    assert (await tool("send-again", letter.key, "--yes")).code == 0
    partition = TopicPartition(aws["kafka_topic"], 2)
    consumer = kafka_clients.consumer(KafkaSettings(bootstrap_servers=aws["kafka"]))
    await consumer.start()
    consumer.assign([partition])
    consumer.seek(partition, begun)
    records = [
        record
        for _ in range(5)
        for record in (await consumer.getmany(partition, timeout_ms=1000)).get(partition, [])
        if record.value == body
    ]
    await consumer.stop()
    assert [(each.key, list(each.headers)) for each in records] == [(key, headers)] * 2
    assert records[0].timestamp == records[1].timestamp


@pytest.mark.parametrize("place", ["b", "c"])
async def test_a_message_that_is_sent_again_has_its_attributes(
    aws: dict[str, str], system: Any, source: str, place: Literal["b", "c"], monkeypatch: pytest.MonkeyPatch
) -> None:
    attributes = {
        "received_at": {"DataType": "Binary", "BinaryValue": b"\xff"},
        "n": {"DataType": "Number.int", "StringValue": "7"},
    }
    async with client("sqs") as sqs:
        entries = [
            {"Id": str(n), "MessageBody": body, "MessageAttributes": attributes}
            for n, body in enumerate([event(source, "good").decode(), f"no event {source}", f'["{source}"]'])
        ]
        await sqs.send_message_batch(QueueUrl=aws[f"queue_{place}"], Entries=entries)

    async def found() -> list[DeadLetter] | None:
        async with letters_of(system, place, monkeypatch) as reading:
            letters = [letter async for letter in reading.letters() if source.encode() in letter.body]
        return letters if len(letters) == 2 else None

    letters = await until(found, within_s=30)
    assert letters
    tool = Tool(system.home, ("dead-letters",))
    assert (await tool("send-again", letters[0].key, "--yes")).code == 0
    again = await until(found, within_s=30)
    assert again
    assert {letter.key for letter in again} != {letter.key for letter in letters}
    held = {"received_at": Attribute("Binary", binary=b"\xff"), "n": Attribute("Number.int", "7")}
    assert [letter.envelope.attributes for letter in again] == [held] * 2
    await tool("discard", *(letter.key for letter in again), "--yes")


async def test_a_record_whose_letter_is_too_large_holds_nothing_up(
    letter_of: LetterOf, watched: Watched, source: str
) -> None:
    body = source.encode() + b"\0" * 5_000_000
    letter = await letter_of(body, partition=1, codec="gzip", key=b"k")
    assert (letter.envelope.reason, letter.envelope.omitted, letter.envelope.key) == ("too_large", ("body",), "k")
    watched.require_no_restart()


async def test_an_event_that_is_too_large_for_the_table_is_one_letter_and_its_neighbours_are_stored(
    letter_of: LetterOf, aws: dict[str, str], kafka: AIOKafkaProducer, query: httpx.AsyncClient, source: str
) -> None:
    attributes = {"specversion": "1.0", "id": "large", "source": source, "type": "t", "extension": "x" * 100_000}
    headers = [(f"ce_{name}", value.encode()) for name, value in attributes.items()]
    await put(kafka, aws["kafka_topic"], event(source, "before"), partition=3)
    letter = await letter_of(b"\xff" * 250_000, partition=3, headers=headers)
    assert (letter.envelope.reason, letter.envelope.omitted) == ("rejected", ())
    assert letter.event
    assert letter.event.id == "large"
    await stored(query, source, "before")
    assert await stored_by_kafka(query, source, "large") is None


@pytest.mark.parametrize("names", [["publisher"], ["received_at", "traceparent", "publisher"]])
async def test_a_large_header_of_a_gateways_name_holds_nothing_up(
    letter_of: LetterOf,
    aws: dict[str, str],
    kafka: AIOKafkaProducer,
    query: httpx.AsyncClient,
    watched: Watched,
    source: str,
    names: list[str],
) -> None:
    headers = [(name, b"\x01" * (900_000 // len(names))) for name in names]
    letter = await letter_of(f"no event {source}".encode(), partition=1, headers=headers, key=b"k")
    assert (letter.envelope.reason, letter.envelope.omitted) == ("malformed", ("body", "headers"))
    assert (letter.envelope.key, letter.envelope.publisher) == ("k", None)
    await put(kafka, aws["kafka_topic"], event(source, "good"), partition=1, headers=headers)
    found = await stored(query, source, "good")
    assert found["receipt"]["received_at"] > "2026"
    watched.require_no_restart()


async def test_a_record_that_is_too_large_to_be_sent_again_holds_up_no_other_letter(
    letter_of: LetterOf, system: Any, source: str
) -> None:
    """It came compressed: as gzip has it, which sees 32 KiB, it is larger than the topic takes."""
    small = await letter_of(f"no event {source}".encode(), partition=0)
    refused = await letter_of(random.Random(1).randbytes(400_000) * 3, partition=0, codec="zstd")
    text = await letter_of((source * 30_000).encode(), partition=0, codec="zstd")
    tool = Tool(system.home, ("dead-letters",))
    ended = await tool("send-again", text.key, refused.key, small.key, "--yes", "--json")
    assert sorted(each["key"] for each in ended.lines) == sorted((small.key, text.key)), ended.err
    assert f"not sent: {refused.key}" in ended.err
    assert ended.code != 0


async def test_a_record_of_many_faults_holds_nothing_up(letter_of: LetterOf, watched: Watched, source: str) -> None:
    names = b",".join(b'"%c%x":0' % (65 + number % 26, number) for number in range(25_000))
    body = b'{"source":"%s",%s}' % (source.encode(), names)
    letter = await letter_of(body, partition=1)
    assert (letter.body, letter.envelope.reason, letter.envelope.omitted) == (body, "invalid", ())
    assert letter.envelope.detail.endswith("and 24,983 more")
    assert len(letter.envelope.detail) < 10_000
    watched.require_no_restart()


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
