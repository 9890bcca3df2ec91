"""How far an event has come, as `mensageria trace` tells it."""

from typing import Any

import msgspec

from cli import journey, journey_drawing
from cli.status import Finding
from operations.dead_letters import DeadLetter
from pipeline.events.envelope import Envelope

TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
TRACEPARENT = f"00-{TRACE_ID}-b7ad6b7169203331-01"
TAKEN = "2026-11-23T15:24:00.000000Z"
IDENTITY = ("urn:example:shop", "order-1")


def copy(milliseconds: int, via: str, **origin: Any) -> dict[str, Any]:
    stored_at = f"2026-11-23T15:24:{milliseconds // 1000:02}.{milliseconds % 1000:03}000Z"
    return {"stored_at": stored_at, "via": via, "origin": origin | {"traceparent": TRACEPARENT}}


def record(**changes: Any) -> dict[str, Any]:
    receipt = {
        "received_at": TAKEN,
        "postgres": copy(80, "sqs", queue="b", message_id="m-1"),
        "dynamodb": {
            "sqs": copy(12_400, "sqs", queue="c", message_id="m-2"),
            "kafka": copy(60, "kafka", topic="events", partition=2, offset=17),
        },
    }
    whole = {"event": msgspec.Raw(b'{"type":"order.created"}'), "receipt": receipt, "complete": True, "conflict": False}
    return whole | {"unavailable": []} | changes


def letter(reason: str) -> DeadLetter:
    known: dict[str, Any] = {"service": "service-b", "via": "sqs", "origin": {}, "first_seen": TAKEN, "attempts": 1}
    content = Envelope(reason=reason, detail="", traceparent=TRACEPARENT, body_base64=b"{}", **known)
    return DeadLetter("b", "b:m-9", content)


def drawn(of: journey.Journey) -> str:
    lines = [line.plain for line in journey_drawing.lines(of)]
    assert max(map(len, lines)) <= 80
    return "\n".join(lines)


def test_a_whole_event_has_its_times() -> None:
    of = journey.of(IDENTITY, record(), (), ())
    assert [way.after_ms for way in of.ways] == [80, 12400, 60]
    assert drawn(of) == (
        "order-1  of urn:example:shop, order.created\n"
        f"trace {TRACE_ID}\n"
        "\n"
        f"gateway  took it at {TAKEN}\n"
        "├─ SNS ──┬─ queue b ── service B ── PostgreSQL      +80 ms\n"
        "│        │     message m-1\n"
        "│        └─ queue c ── service C ── DynamoDB       +12.4 s\n"
        "│              message m-2\n"
        "└─ Kafka ─── topic   ── service C ── DynamoDB        +60 ms\n"
        "               events, partition 2, offset 17\n"
        "\n"
        "complete"
    )


def test_what_waits_says_where_and_why() -> None:
    partly = record(complete=False)
    partly["receipt"]["postgres"] = None
    partly["receipt"]["dynamodb"] = None
    partly["unavailable"] = ["dynamodb"]
    found = [Finding("queue b", True, waiting=12, in_flight=3), Finding("service-b", False, detail="no answer")]
    of = journey.of(IDENTITY, partly, (), found)
    assert [way.state for way in of.ways] == ["waiting", "unknown", "unknown"]
    assert of.ways[0].detail == "12 wait there, 3 in work; service-b is out: no answer"
    assert "service B ·· PostgreSQL  waits" in drawn(of)
    assert "not complete: 0 of 3 ways have arrived" in drawn(of)


def test_a_dead_letter_ends_a_way_and_gives_the_trace() -> None:
    of = journey.of(IDENTITY, None, [letter("rejected")], [])
    assert [way.state for way in of.ways] == ["dead_letter", "waiting", "waiting"]
    assert (of.trace_id, of.received_at) == (TRACE_ID, None)
    assert "dead letter, rejected: b:m-9" in drawn(of)


def test_a_conflict_is_said_and_names_no_terminal_commands() -> None:
    of = journey.of(("s", "\x1b[2J"), record(conflict=True), [letter("conflict")], [])
    assert of.ways[0].state == "stored"
    assert "\x1b" not in drawn(of)
    assert "conflict: there are two contents" in drawn(of)
