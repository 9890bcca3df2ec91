"""What becomes of a dead letter that is larger than SQS, its queue or its topic takes."""

import asyncio
import json
import random
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from operations import dead_letter_queue
from operations.dead_letters import DeadLetter
from pipeline.clients.aws_json import CallFailed, JsonApi
from pipeline.clients.sqs import Message, Queue, _sent
from pipeline.core.errors import MessageRefused, Rejected
from pipeline.events.delivery import Arrival, Attribute
from pipeline.events.envelope import enclosed, envelope
from streams.dead_letter_writers import (
    MAX_ATTRIBUTES,
    MAX_MESSAGE_BYTES,
    MAX_RECORD_BYTES,
    DeadLetterQueueWriter,
    _ever_smaller,
    _forms,
    _size_bytes,
)
from streams.topic_agent import _arrival

WHY = Rejected("invalid", "a detail with \uffff")
ORIGIN = {"queue": "events-b", "message_id": "original"}


def arrival(body: bytes, attributes: dict[str, Attribute]) -> Arrival:
    return Arrival(body, "sqs", ORIGIN, "2026-11-23T15:24:00.000000Z", attempts=3, attributes=attributes)


def read(text: str, attributes: Any) -> DeadLetter:
    """The letter as a reading of the dead-letter queue finds it."""
    raw = {
        "MessageId": "moved",
        "ReceiptHandle": "1",
        "Body": text,
        "Attributes": {"SentTimestamp": "1764000000000", "ApproximateReceiveCount": "1"},
        "MessageAttributes": {name: _sent(each) for name, each in attributes.items()},
    }
    message = msgspec.json.decode(msgspec.json.encode(raw), type=Message)
    return dead_letter_queue.letter_of(message, "b", Queue("http://sqs/events-b", JsonApi("sqs")), "service-b")


def _message(letter: bytes) -> Any:
    """What is sent to a queue with the limits of SQS itself."""
    return next(_forms(letter))


FEW = {"n": Attribute("Number.int", "7"), "b": Attribute("Binary", binary=b"\xff\0")}
LARGE = {f"a{number}": Attribute("Binary", binary=b"x" * 90_000) for number in range(MAX_ATTRIBUTES - 1)}
TEN = {f"a{number}": Attribute("Number.int", "7" * 90_000) for number in range(MAX_ATTRIBUTES)}
TEN_RANDOM = {f"a{n}": Attribute("Binary", binary=random.Random(n).randbytes(100_000)) for n in range(MAX_ATTRIBUTES)}
BRIM = {f"a{number}": Attribute("String", "x" * 104_000) for number in range(MAX_ATTRIBUTES)}
OF_OUR_NAME = {"dead_letter": Attribute("String", "theirs"), "b": Attribute("Binary", binary=b"x" * 900_000)}
RUNNERS = "\U0001f3c3".encode() * 200_000


@pytest.mark.parametrize(
    ("body", "attributes"),
    [
        (b"hello", {}),
        (b"hello", FEW),
        (b"hello", LARGE),
        (b"x" * 200_000, LARGE),
        (RUNNERS, {}),
        (RUNNERS, FEW),
        (b"hello", TEN),
        (b"x" * 100_000, TEN),
        (b"hello", TEN_RANDOM),
        (b"x" * (MAX_MESSAGE_BYTES - _size_bytes("", BRIM)), BRIM),
        (b"hello", OF_OUR_NAME),
    ],
    ids=[
        "small",
        "attributes",
        "large attributes",
        "both",
        "large",
        "large with attributes",
        "ten large attributes",
        "ten and a body",
        "ten that are random",
        "not a byte is left",
        "an attribute of our name",
    ],
)
def test_a_letter_of_any_size_is_read_as_it_was_written(body: bytes, attributes: dict[str, Attribute]) -> None:
    held = arrival(body, attributes)
    text, beside = _message(envelope(held, WHY, "service-b"))
    assert _size_bytes(text, beside) <= MAX_MESSAGE_BYTES
    assert len(beside) <= MAX_ATTRIBUTES
    letter = read(text, beside)
    assert letter.envelope == enclosed(held, WHY, "service-b")
    assert letter.outgoing().beside == attributes


@pytest.mark.parametrize("size", [MAX_MESSAGE_BYTES, MAX_MESSAGE_BYTES - 100])
def test_a_message_without_room_for_more_is_too_large_by_its_size(size: int) -> None:
    held = arrival(b"x" * size, {})
    text, beside = _message(envelope(held, Rejected("too_large", "-"), "service-b"))
    assert (len(text), beside) == (size, {})
    letter = read(text, beside)
    assert (letter.envelope.reason, letter.body) == ("too_large", held.body)
    assert letter.envelope.detail == f"{size} bytes; an event has at most 262144"


def test_a_message_with_as_many_attributes_as_there_can_be_keeps_them() -> None:
    attributes = {f"a{number}": Attribute("String", "x") for number in range(MAX_ATTRIBUTES)}
    text, beside = _message(envelope(arrival(b"x" * 900_000, attributes), Rejected("too_large", "-"), "service-b"))
    assert len(text) == 900_000
    letter = read(text, beside)
    assert (letter.envelope.reason, letter.envelope.detail, letter.envelope.attributes) == (
        "too_large",
        "-",
        attributes,
    )


class SmallQueue(JsonApi):
    """The dead-letter queue of an account that has left it at `most` bytes a message."""

    def __init__(self, most: int) -> None:
        super().__init__("sqs")
        self._most = most
        self.taken: list[tuple[str, dict[str, Attribute]]] = []

    async def call(self, operation: str, request: Any, answer: Any, *, timeout_s: float) -> Any:
        text = request["MessageBody"]
        beside = {
            name: Attribute(each["DataType"], each.get("StringValue"), each.get("BinaryValue"))
            for name, each in request["MessageAttributes"].items()
        }
        if _size_bytes(text, beside) > self._most:
            raise CallFailed("InvalidParameterValue", f"Message must be shorter than {self._most} bytes.")
        self.taken.append((text, beside))
        return msgspec.convert({"MessageId": "1"}, answer)


@pytest.mark.parametrize(
    ("body", "attributes", "omitted"),
    [
        (b"x" * 200_000, {}, ()),
        (b"x" * 250_000, FEW, ()),
        (b"x" * 300_000, FEW, ("body",)),
        (b"x", TEN, ()),
        (b"x" * 300_000, TEN_RANDOM, ("body", "attributes")),
    ],
)
async def test_a_queue_with_a_small_limit_gets_what_it_takes_of_each_letter_once(
    body: bytes, attributes: dict[str, Attribute], omitted: Sequence[str]
) -> None:
    queue = SmallQueue(262_144)
    writer = DeadLetterQueueWriter("http://sqs/dead", queue)
    others = [envelope(arrival(b"%d" % number, {}), WHY, "service-b") for number in range(3)]
    letters = [others[0], envelope(arrival(body, attributes), WHY, "service-b"), *others[1:]]
    await asyncio.gather(*map(writer.write, letters))
    assert len(queue.taken) == 4
    (letter,) = [
        each for each in (read(*one) for one in queue.taken) if len(each.body) != 1 or each.envelope.attributes
    ]
    assert (letter.envelope.reason, letter.envelope.omitted, letter.envelope.origin) == ("invalid", omitted, ORIGIN)
    assert letter.body == (b"" if "body" in omitted else body)
    if omitted:
        with pytest.raises(MessageRefused, match="original"):
            letter.outgoing()
    else:
        assert letter.outgoing().beside == attributes


@pytest.mark.parametrize("about", [b"", b"x\x9c", b"\x78\x9c\x03\x00\x00\x00\x00\x01"])
def test_a_binary_attribute_that_is_no_envelope_is_an_attribute(about: bytes) -> None:
    attributes = {"dead_letter": Attribute("Binary", binary=about)}
    assert read("hello", attributes).envelope.attributes == attributes


@pytest.mark.parametrize("content", [b"\x01", b'"', b"\xff", "\u00e9".encode()])
@pytest.mark.parametrize("names", [["publisher"], ["received_at", "traceparent", "publisher"], ["a"], ["healed_at"]])
def test_the_smallest_letter_of_any_record_has_room_in_its_topic(names: list[str], content: bytes) -> None:
    headers = [(name, content * (900_000 // len(content) // len(names))) for name in names]
    message = SimpleNamespace(
        value=content * 60_000, key=content * 60_000, headers=headers, topic="t", partition=0, offset=1, timestamp=0.0
    )
    letter = envelope(_arrival(message), Rejected("malformed", "\x01" * 10_000), "service-c")
    assert len(list(_ever_smaller(letter))[-1]) < MAX_RECORD_BYTES / 10


@pytest.mark.parametrize("about", ["", "{}", json.dumps({"reason": "r"})])
def test_an_attribute_that_is_no_envelope_is_an_attribute(about: str) -> None:
    attributes = {"dead_letter": Attribute("String", about)}
    letter = read("hello", attributes)
    assert (letter.envelope.reason, letter.envelope.attributes) == ("max_receives", attributes)
