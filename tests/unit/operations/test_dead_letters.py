"""Envelopes, and which letters are meant."""

import base64
import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operations.dead_letters import DeadLetter
from operations.redrive import Choice
from pipeline.clients.kafka_records import ReadableRecords
from pipeline.core.errors import MessageRefused, Rejected
from pipeline.core.pace import Pace
from pipeline.events.delivery import Arrival, Attribute
from pipeline.events.envelope import enclosed, envelope, open_envelope, without
from pipeline.events.metadata import Metadata

EVENT = b'{"specversion":"1.0","id":"a","source":"s","type":"t","partitionkey":"k"}'


def arrival(body: bytes = EVENT, received_at: str | None = "2026-11-23T15:24:00.000000Z") -> Arrival:
    origin = {"topic": "events", "partition": 3, "offset": 7}
    return Arrival(body, "kafka", origin, "2026-11-23T15:24:01.000000Z", 2, Metadata(received_at, "p", "00-trace"))


def letter(body: bytes = EVENT, reason: str = "conflict", **changes: str | None) -> DeadLetter:
    return DeadLetter("kafka", "kafka:0:12", enclosed(arrival(body, **changes), Rejected(reason, "d"), "service-c"))


def test_the_envelope_has_the_contracts_members() -> None:
    written = json.loads(envelope(arrival(), Rejected("conflict", "why"), "service-c"))
    assert base64.b64decode(written.pop("body_base64")) == EVENT
    assert written == {
        "reason": "conflict",
        "detail": "why",
        "service": "service-c",
        "via": "kafka",
        "origin": {"topic": "events", "partition": 3, "offset": 7},
        "first_seen": "2026-11-23T15:24:01.000000Z",
        "attempts": 2,
        "received_at": "2026-11-23T15:24:00.000000Z",
        "publisher": "p",
        "traceparent": "00-trace",
        "key": None,
        "key_base64": None,
        "headers": None,
        "timestamp_ms": None,
        "body_is_null": False,
        "attributes": None,
        "omitted": [],
    }


@given(st.binary())
def test_an_envelope_brings_back_any_bytes(body: bytes) -> None:
    opened = open_envelope(envelope(arrival(body), Rejected("malformed", "why"), "service-b"))
    assert opened
    assert opened.body_base64 == body


@given(st.one_of(st.binary(), st.just(EVENT), st.just(b"[]"), st.just(b'{"reason":1}')))
def test_anything_else_is_no_envelope(text: bytes) -> None:
    assert open_envelope(text) is None


def test_an_event_goes_back_with_its_key_and_what_was_beside_it() -> None:
    sent = letter().outgoing()
    beside = {"received_at": "2026-11-23T15:24:00.000000Z", "publisher": "p", "traceparent": "00-trace"}
    assert (sent.body, sent.key, sent.beside) == (EVENT, "k", beside)


def test_what_is_no_event_goes_back_to_its_partition() -> None:
    sent = letter(b"\xff", received_at=None).outgoing()
    assert (sent.key, sent.partition, sent.beside["received_at"]) == (None, 3, "2026-11-23T15:24:01.000000Z")


@pytest.mark.parametrize(
    "origin", [{}, {"partition": None}, {"partition": "3"}, {"partition": [3]}, {"partition": 1e9}]
)
@pytest.mark.parametrize("headers", [None, [("a", b"b")]])
def test_an_envelope_of_a_stranger_may_name_no_partition(
    origin: dict[str, Any], headers: list[tuple[str, bytes]] | None
) -> None:
    came = Arrival(b"x", "kafka", origin, "2026-11-23T15:24:01.000000Z", headers=headers)
    sent = DeadLetter("kafka", "kafka:0:1", enclosed(came, Rejected("malformed", "why"), "c")).outgoing()
    assert sent.partition == 0


@pytest.mark.parametrize(
    ("choice", "meant"),
    [
        (Choice(), True),
        (Choice(keys=frozenset({"kafka:0:12"})), True),
        (Choice(keys=frozenset({"kafka:0:1"})), False),
        (Choice(reasons=frozenset({"conflict", "invalid"}), source="s"), True),
        (Choice(reasons=frozenset({"invalid"}), source="s"), False),
        (Choice(type="t", source="s"), True),
        (Choice(type="u", source="s"), False),
    ],
)
def test_every_condition_must_hold(choice: Choice, meant: bool) -> None:
    assert choice.holds(letter()) is meant


def test_what_is_no_event_has_no_source() -> None:
    assert not Choice(source="s").holds(letter(b"s"))
    assert Choice(reasons=frozenset({"malformed"})).holds(letter(b"s", "malformed"))


async def test_the_pace_is_kept() -> None:
    pace, begun = Pace(100), time.monotonic()
    for _ in range(11):
        await pace.step()
    assert 0.09 < time.monotonic() - begun < 1


NAMES = st.binary(max_size=20).map(lambda octets: octets.decode(errors="surrogateescape"))
HEADERS = st.lists(st.tuples(NAMES, st.none() | st.binary(max_size=20)), max_size=5)


@given(st.none() | st.binary(max_size=20), HEADERS, st.integers(-(2**63), 2**63 - 1), st.none() | st.binary())
def test_a_record_goes_back_as_it_was(
    key: bytes | None, headers: list[tuple[str, bytes | None]], timestamp_ms: int, value: bytes | None
) -> None:
    origin = {"topic": "events", "partition": 3, "offset": 7}
    came = Arrival(
        value or b"",
        "kafka",
        origin,
        "2026-11-23T15:24:01.000000Z",
        key=key,
        headers=headers,
        timestamp_ms=timestamp_ms,
        is_null=value is None,
    )
    opened = open_envelope(envelope(came, Rejected("malformed", "why"), "service-c"))
    assert opened
    sent = DeadLetter("kafka", "kafka:0:1", opened).outgoing()
    assert sent.record
    assert (sent.record.key, sent.record.headers, sent.record.is_null) == (key, headers, value is None)
    assert (sent.partition, sent.body, sent.record.timestamp_ms) == (3, value or b"", timestamp_ms)
    (again,) = ReadableRecords(bytes(sent.record.batch(sent.body)._build())).next_batch()
    assert (again.key, list(again.headers), again.value) == (key, headers, value)


def test_a_message_goes_back_with_its_attributes_and_their_types() -> None:
    attributes = {
        "n": Attribute("Number.int", "1"),
        "b": Attribute("Binary", binary=b"\xff\0"),
        "received_at": Attribute("String", "x"),
    }
    came = Arrival(b"no", "sqs", {"queue": "q"}, "2026-11-23T15:24:01.000000Z", attributes=attributes)
    opened = open_envelope(envelope(came, Rejected("malformed", "why"), "service-b"))
    assert opened
    assert DeadLetter("b", "b:1", opened).outgoing().beside == attributes


@pytest.mark.parametrize("members", [("body",), ("body", "headers"), ("body", "headers", "key")])
def test_what_was_left_out_is_not_sent_again(members: tuple[str, ...]) -> None:
    came = Arrival(b"x", "kafka", {"offset": 7}, "2026-11-23T15:24:01.000000Z", key=b"k", headers=[("a", b"b")])
    cut = without(enclosed(came, Rejected("too_large", "why"), "service-c"), *members)
    assert cut.omitted == members
    assert (cut.body_base64, cut.headers == [], cut.key) == (
        b"",
        "headers" in members,
        None if "key" in members else "k",
    )
    with pytest.raises(MessageRefused, match="offset"):
        DeadLetter("kafka", "kafka:0:1", cut).outgoing()
