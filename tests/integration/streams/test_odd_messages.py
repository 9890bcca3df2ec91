"""Messages that no gateway would send: each is stored or is a dead letter, and nothing is held up."""

import json
import random
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from aiokafka import AIOKafkaProducer

from cli.addresses import find
from operations.dead_letter_queue import DeadLetterQueueReader
from operations.dead_letters import DeadLetter, Place
from pipeline.clients.aws import client
from pipeline.clients.aws_json import JsonApi
from pipeline.clients.kafka import producer
from pipeline.clients.sqs import Queue
from pipeline.core.errors import Rejected
from pipeline.core.settings.kafka import KafkaSettings
from pipeline.events.delivery import Arrival, Attribute
from pipeline.events.envelope import envelope
from pipeline.events.event import MAX_EVENT_BYTES
from stack.http_client import http_client
from streams.dead_letter_writers import DeadLetterQueueWriter
from tests.support.mensageria import Tool
from tests.support.waiting import until

RECEIVED_AT = "2026-11-23T15:24:00.123456Z"
BINARY = {"DataType": "Binary", "BinaryValue": b"\xff\0"}


@pytest.fixture
async def sqs(aws: dict[str, str]) -> AsyncIterator[Any]:
    async with client("sqs") as made:
        yield made


@pytest.fixture
async def kafka(aws: dict[str, str]) -> AsyncIterator[AIOKafkaProducer]:
    made = producer(KafkaSettings(bootstrap_servers=aws["kafka"]), timeout_s=5)
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
def home(system: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The home of the system, for what finds its parts by it."""
    monkeypatch.setenv("MENSAGERIA_HOME", str(system.home))


async def receipt(query: httpx.AsyncClient, source: str, id_: str) -> dict[str, Any]:
    async def probe() -> dict[str, Any] | None:
        answer = await query.get("/event", params={"source": source, "id": id_})
        found: dict[str, Any] = answer.json()
        return found if answer.status_code == 200 and found["complete"] else None

    found = await until(probe, within_s=30)
    assert found
    return found


async def dead_letter(place: Place, body: str) -> DeadLetter:
    """The dead letter of `body`, of however many other tests have left there."""

    async def probe() -> DeadLetter | None:
        async with find().places.dead_letters(place) as reading:
            return next((each for each in [one async for one in reading.letters()] if each.body == body.encode()), None)

    found = await until(probe, within_s=30)
    assert found
    return found


@pytest.mark.parametrize("stamp", ["garbage", "infinity", "2026-13-45T00:00:00.000000Z", "2026-11-23"])
async def test_a_stamp_that_is_no_time_holds_nothing_up(
    aws: dict[str, str], sqs: Any, kafka: AIOKafkaProducer, query: httpx.AsyncClient, source: str, stamp: str
) -> None:
    body = json.dumps({"specversion": "1.0", "id": "1", "source": source, "type": "test"})
    attributes = {"received_at": {"DataType": "String", "StringValue": stamp}}
    for queue in ("queue_b", "queue_c"):
        await sqs.send_message(QueueUrl=aws[queue], MessageBody=body, MessageAttributes=attributes)
    await kafka.send_and_wait(aws["kafka_topic"], body.encode(), headers=[("received_at", stamp.encode())])
    found = await receipt(query, source, "1")
    assert found["receipt"]["received_at"] > "2026-11-23T"
    assert found["receipt"]["received_at"].endswith("Z")


@pytest.mark.parametrize("queue", ["b", "c"])
async def test_a_dead_letter_is_kept_whatever_its_text(
    aws: dict[str, str], home: None, sqs: Any, source: str, queue: Place
) -> None:
    body = json.dumps({"specversion": "1.0", "id": "1", "source": source, "type": "t", "\ufffe": 1})
    await sqs.send_message(QueueUrl=aws[f"queue_{queue}"], MessageBody=body)
    letter = (await dead_letter(queue, body)).envelope
    assert (letter.reason, letter.service, letter.via) == ("invalid", f"service-{queue}", "sqs")


async def test_a_record_as_large_as_kafka_takes_is_a_dead_letter(
    aws: dict[str, str], kafka: AIOKafkaProducer, query: httpx.AsyncClient, source: str
) -> None:
    await kafka.send_and_wait(aws["kafka_topic"], b"x" * 1_000_000, partition=0)
    body = json.dumps({"specversion": "1.0", "id": "1", "source": source, "type": "test"}).encode()
    await kafka.send_and_wait(aws["kafka_topic"], body, partition=0)

    async def behind_it() -> bool:
        answer = await query.get("/event", params={"source": source, "id": "1"})
        return answer.status_code == 200

    await until(behind_it, within_s=30)


async def test_a_message_that_base64_makes_too_long_is_kept_as_it_is(
    aws: dict[str, str], home: None, sqs: Any, source: str
) -> None:
    body = source + "x" * 900_000
    await sqs.send_message(QueueUrl=aws["queue_b"], MessageBody=body)
    letter = (await dead_letter("b", body)).envelope
    assert (letter.reason, letter.service, letter.attempts) == ("too_large", "service-b", 1)


TEN_TEXTS = {f"a{number}": {"DataType": "String", "StringValue": "x" * 90_000} for number in range(10)}
TEN_OCTETS = {
    f"a{number}": {"DataType": "Binary.gif", "BinaryValue": random.Random(number).randbytes(72_000)}
    for number in range(10)
}
OF_OUR_NAME = {"dead_letter": {"DataType": "String", "StringValue": "theirs"}, "b": TEN_TEXTS["a0"]}


@pytest.mark.parametrize(
    ("place", "attributes", "size"),
    [("b", TEN_TEXTS, 0), ("c", TEN_OCTETS, 75_000), ("c", OF_OUR_NAME, 800_000)],
    ids=["ten texts", "ten of octets", "one of our name"],
)
async def test_a_message_that_its_attributes_fill_keeps_its_reason_and_is_sent_again_as_it_was(
    aws: dict[str, str],
    home: None,
    sqs: Any,
    source: str,
    system: Any,
    place: Place,
    attributes: dict[str, Any],
    size: int,
) -> None:
    body = f"no event {source}".ljust(size)
    await sqs.send_message(QueueUrl=aws[f"queue_{place}"], MessageBody=body, MessageAttributes=attributes)
    first = await dead_letter(place, body)
    tool = Tool(system.home, ("dead-letters",))
    shown = (await tool("show", first.key, "--json")).lines[0]
    assert shown["reason"] == ("too_large" if size > MAX_EVENT_BYTES else "malformed")
    assert shown["attributes"].keys() == attributes.keys()
    assert (await tool("send-again", first.key, "--yes")).code == 0
    again = await dead_letter(place, body)
    assert again.key != first.key
    for letter in (first, again):
        kept = letter.envelope
        assert (kept.reason, kept.service, kept.attempts) == (shown["reason"], f"service-{place}", 1)
        assert {name: held(each) for name, each in (kept.attributes or {}).items()} == attributes
    assert (await tool("discard", again.key, "--yes")).code == 0


def held(attribute: Attribute) -> dict[str, Any]:
    """As SQS has it."""
    if attribute.binary is not None:
        return {"DataType": attribute.data_type, "BinaryValue": attribute.binary}
    return {"DataType": attribute.data_type, "StringValue": attribute.value}


async def test_a_dead_letter_queue_with_a_small_limit_gets_what_it_takes_of_each_letter(
    aws: dict[str, str], sqs: Any, source: str
) -> None:
    name = f"small-{source.rpartition(':')[2]}"
    url = (await sqs.create_queue(QueueName=name, Attributes={"MaximumMessageSize": "262144"}))["QueueUrl"]
    queue, writer = Queue(url, JsonApi("sqs")), DeadLetterQueueWriter(url, JsonApi("sqs"))
    sizes = {10: (), 250_000: (), 300_000: ("body",)}
    try:
        for size in sizes:
            attributes = {"a": Attribute("Number", "1")}
            large = Arrival(b"x" * size, "sqs", {"size": size}, RECEIVED_AT, attributes=attributes)
            await writer.write(envelope(large, Rejected("rejected", "why"), "service-b"))
        async with DeadLetterQueueReader("b", queue, queue, "service-b").open() as reading:
            letters = [letter.envelope async for letter in reading.letters()]
        assert {each.origin["size"]: each.omitted for each in letters} == sizes
        assert {(each.reason, each.detail, (each.attributes or {})["a"].value) for each in letters} == {
            ("rejected", "why", "1")
        }
    finally:
        await writer.close()
        await queue.close()
        await sqs.delete_queue(QueueUrl=url)


@pytest.mark.parametrize(("place", "store"), [("b", "postgres"), ("c", "dynamodb")])
async def test_a_batch_of_ten_that_others_wrote(
    aws: dict[str, str],
    sqs: Any,
    query: httpx.AsyncClient,
    source: str,
    place: Any,
    store: str,
    home: None,
) -> None:
    text = {"DataType": "String", "StringValue": "2026-11-23T15:24:00.123456Z"}
    trace = {"DataType": "String", "StringValue": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}
    notification = {
        "Type": "Notification",
        "MessageId": "1",
        "TopicArn": "arn:aws:sns:us-east-1:000000000000:events",
        "Message": structured(source, "q2"),
        "Timestamp": "2026-11-23T15:24:00.123Z",
        "MessageAttributes": {},
    }
    bodies = [
        structured(source, "q1"),
        json.dumps(notification),
        f"hello {source}",
        f"[{' ' * (int(source[-4:], 16) + (place == 'c') * 2**16)}]",  # no other test's
        structured(source, "q5"),
        structured(source, "q6"),
        structured(source, "q7", data={"t": "a\0b"}),
        structured(source, "q8", data={"k\0": 1}),
        structured(source, "q9", data="\ud800"),
        structured(source, "q10", data=1)[:-2] + "1e400}",
    ]
    beside = {0: {"received_at": text, "traceparent": trace}, 5: {"received_at": BINARY}}
    entries = [
        {"Id": str(n), "MessageBody": each, "MessageAttributes": beside.get(n, {})} for n, each in enumerate(bodies)
    ]
    await sqs.send_message_batch(QueueUrl=aws[f"queue_{place}"], Entries=entries)

    async def is_stored(id_: str) -> bool:
        answer = await query.get("/event", params={"source": source, "id": id_})
        receipt = answer.json()["receipt"][store] if answer.status_code == 200 else None
        return bool(receipt if place == "b" else receipt and receipt["sqs"])

    for id_ in ("q1", "q5", "q6"):
        await until(lambda id_=id_: is_stored(id_), within_s=30)  # type: ignore[misc]
    bad = {each.encode() for n, each in enumerate(bodies) if n not in (0, 4, 5)}

    async def letters() -> list[DeadLetter] | None:
        async with find().places.dead_letters(place) as reading:
            found = [each async for each in reading.letters() if each.body in bad]
        return found if len(found) >= len(bad) else None

    found = await until(letters, within_s=30)
    assert found
    assert sorted(each.body for each in found) == sorted(bad)
    assert {each.envelope.reason for each in found} <= {"malformed", "invalid"}
    assert {each.envelope.attempts for each in found} == {1}
    details = {each.body: each.envelope.detail for each in found}
    assert "/data/t contains U+0000" in details[bodies[6].encode()]
    assert "/data contains U+0000" in details[bodies[7].encode()]

    async def is_idle() -> bool:
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        answer = await sqs.get_queue_attributes(QueueUrl=aws[f"queue_{place}"], AttributeNames=names)
        return set(answer["Attributes"].values()) == {"0"}

    await until(is_idle, within_s=15)
    async with http_client(base_url=aws[f"service_{place}"], timeout=10) as http:
        assert (await http.get("/readyz")).status_code == 200


def structured(source: str, id_: str, **more: Any) -> str:
    return json.dumps({"specversion": "1.0", "id": id_, "source": source, "type": "bl.test", **more})
