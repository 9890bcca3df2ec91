"""Dead letters of what others wrote: each has all of its record or message, and none holds up the next."""

import random
from typing import Any, Literal

import httpx
import pytest
from aiokafka import AIOKafkaProducer, TopicPartition

from operations.dead_letters import DeadLetter
from pipeline.clients import kafka as kafka_clients
from pipeline.clients.aws import client
from pipeline.core.settings.kafka import KafkaSettings
from pipeline.events.delivery import Attribute
from tests.support.foreign_records import LetterOf, Watched, event, letters_of, put, stored, stored_by_kafka
from tests.support.mensageria import Tool
from tests.support.waiting import until


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
