"""Which dead letters are a subject's."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.erasure import NOT_REACHED, concerns
from operations.dead_letters import DeadLetter
from pipeline.core.errors import Rejected
from pipeline.events.delivery import Arrival, Attribute
from pipeline.events.envelope import enclosed

EVENT = {"specversion": "1.0", "id": "a", "source": "s", "type": "t"}

HERS = json.dumps(EVENT | {"subject": "café"}).encode()


def letter(body: bytes, **beside: Any) -> DeadLetter:
    arrival = Arrival(body, "sqs", {}, "2026-11-23T15:24:00.000000Z", **beside)
    return DeadLetter("b", "b:1", enclosed(arrival, Rejected("invalid", ""), "service-b"))


@pytest.mark.parametrize(
    ("body", "meant"),
    [
        (json.dumps(EVENT | {"subject": "café"}).encode(), True),
        (json.dumps(EVENT | {"subject": "cafés"}).encode(), False),
        (json.dumps(EVENT | {"data": {"subject": "café"}}).encode(), False),
        (b'{"subject":"caf\\u00e9"}', True),
        (b'{"subject":"caf\\u00E9"}', True),
        ('{"subject":"café"}'.encode(), True),
        ('{"subject":"café","subject":"bob"}'.encode(), True),
        ('{"subject":"café","n":NaN,"n":1e999}'.encode(), True),
        (b'{"subject":"caf"}', False),
        (b'{"id":"caf\\u00e9"}', False),
        ('["subject", "café"]'.encode(), False),
        ('{"subject":"café",'.encode(), True),
        (b'{"subject":"caf\\u00e9",', True),
        ("the café".encode(), False),
        ('{"subject":"cafés",'.encode(), False),
        (b"\xff", False),
        (b"", False),
        (b"[" * 200_000, False),
        (b"[" + HERS + b"]", True),
        (b'[[{"a":' + HERS + b"}]]", True),
        (b'{"event":' + HERS + b"}", True),
        (b'["caf\\u00e9"]', False),
        (json.dumps({"Type": "Notification", "Message": HERS.decode()}).encode(), True),
        (json.dumps({"Message": json.dumps({"Message": HERS.decode()})}).encode(), True),
        (json.dumps(HERS.decode()).encode(), True),
        (json.dumps({"body_base64": base64.b64encode(HERS).decode()}).encode(), True),
        (json.dumps({"Message": HERS.decode()}).encode()[:-2], True),
        (json.dumps({"m": json.dumps({"Message": HERS.decode()})}).encode()[:-2], True),
        (json.dumps([EVENT | {"subject": "cafés"}]).encode(), False),
    ],
)
def test_a_letter_is_its_subjects_and_no_other(body: bytes, meant: bool) -> None:
    assert concerns(letter(body), "café") is meant


CAFE = "café".encode()


@pytest.mark.parametrize(
    ("headers", "meant"),
    [
        ([("ce_id", b"1"), ("ce_subject", CAFE)], True),  # no event: it lacks source and type
        ([("ce_id", b"1"), ("ce_subject", b"bob"), ("ce_subject", CAFE)], True),
        ([("ce_id", b"1"), ("ce_subject", b"bob")], False),
        ([("ce_subject", None)], False),
        ([("CE_SUBJECT", CAFE)], True),
        ([("ce-subject", b"caf%C3%A9")], True),
        ([("subject", CAFE)], True),
        ([("\udcff", HERS)], True),
        ([("ce_source", CAFE)], False),
        ([("ce_subject", CAFE + b"\xff")], False),
    ],
)
def test_a_record_is_its_subjects_by_its_headers(headers: list[tuple[str, bytes | None]], meant: bool) -> None:
    for body in (b"", b"\0", b'{"total": 1}'):
        assert concerns(letter(body, headers=headers), "café") is meant


def test_a_record_in_binary_mode_that_is_an_event_is_its_subjects_by_the_event() -> None:
    attributes = {"specversion": "1.0", "id": "1", "source": "s", "type": "t", "subject": "café"}
    headers = [(f"ce_{name}", value.encode()) for name, value in attributes.items()]
    assert concerns(letter(b"x", headers=headers), "café")
    assert not concerns(letter(b"x", headers=headers), "bob")


@pytest.mark.parametrize(
    ("attributes", "meant"),
    [
        ({"subject": Attribute("String", "café")}, True),
        ({"ce-subject": Attribute("String", "caf%C3%A9")}, True),
        ({"cloudEvents:subject": Attribute("String.x", "café")}, True),
        ({"subject": Attribute("Binary", binary=CAFE)}, True),
        ({"event": Attribute("Binary", binary=HERS)}, True),
        ({"subject": Attribute("String", "cafés")}, False),
        ({"publisher": Attribute("String", "café")}, False),
    ],
)
def test_a_message_is_its_subjects_by_its_attributes(attributes: dict[str, Attribute], meant: bool) -> None:
    assert concerns(letter(b"no event", attributes=attributes), "café") is meant


@given(st.text(min_size=1), st.booleans())
def test_any_subject_is_found_however_it_is_written(subject: str, ascii_only: bool) -> None:
    body = json.dumps({"id": 1, "subject": subject}, ensure_ascii=ascii_only).encode()
    assert concerns(letter(body), subject)
    assert not concerns(letter(body), subject + "x")


@given(st.text(min_size=1), st.lists(st.sampled_from(["array", "object", "text", "base64"]), max_size=4), st.booleans())
def test_any_subject_is_found_however_its_event_is_wrapped(subject: str, wraps: list[str], ascii_only: bool) -> None:
    body = json.dumps({"id": 1, "subject": subject}, ensure_ascii=ascii_only)
    for wrap in wraps:
        match wrap:
            case "array":
                body = f"[1,{body}]"
            case "object":
                body = f'{{"event":{body}}}'
            case "text":
                body = json.dumps({"Message": body})
            case "base64":
                body = json.dumps({"data_base64": base64.b64encode(body.encode()).decode()})
    assert concerns(letter(body.encode()), subject)
    assert not concerns(letter(body.encode()), subject + "x")


def test_the_record_says_what_the_command_says() -> None:
    [migration] = Path("migrations").glob("*_erasures_not_reached.sql")
    assert f"'{'; '.join(NOT_REACHED)}'" in migration.read_text()
