"""What becomes of a dead letter that is larger than SQS takes."""

import json
from typing import Any

import msgspec
import pytest

from operations import dead_letter_queue
from operations.dead_letters import DeadLetter
from pipeline.clients.aws_json import JsonApi
from pipeline.clients.sqs import Message, Queue, _sent
from pipeline.core.errors import Rejected
from pipeline.events.delivery import Arrival, Attribute
from pipeline.events.envelope import enclosed, envelope
from streams.dead_letter_writers import MAX_ATTRIBUTES, MAX_MESSAGE_BYTES, _message, _size_bytes

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


FEW = {"n": Attribute("Number.int", "7"), "b": Attribute("Binary", binary=b"\xff\0")}
LARGE = {f"a{number}": Attribute("Binary", binary=b"x" * 90_000) for number in range(MAX_ATTRIBUTES - 1)}
RUNNERS = "\U0001f3c3".encode() * 200_000


@pytest.mark.parametrize(
    ("body", "attributes"),
    [(b"hello", {}), (b"hello", FEW), (b"hello", LARGE), (b"x" * 200_000, LARGE), (RUNNERS, {}), (RUNNERS, FEW)],
    ids=["small", "attributes", "large attributes", "both", "large", "large with attributes"],
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
    assert (len(text), beside) == (900_000, attributes)
    assert read(text, beside).envelope.reason == "too_large"


@pytest.mark.parametrize("about", ["", "{}", json.dumps({"reason": "r"})])
def test_an_attribute_that_is_no_envelope_is_an_attribute(about: str) -> None:
    attributes = {"dead_letter": Attribute("String", about)}
    letter = read("hello", attributes)
    assert (letter.envelope.reason, letter.envelope.attributes) == ("max_receives", attributes)
