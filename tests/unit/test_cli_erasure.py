"""Which dead letters are a subject's."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.erasure import concerns
from pipeline.dead_letters import DeadLetter, enclosed
from pipeline.delivery import Arrival
from pipeline.errors import Rejected

EVENT = {"specversion": "1.0", "id": "a", "source": "s", "type": "t"}


def letter(body: bytes) -> DeadLetter:
    arrival = Arrival(body, "sqs", {}, "2026-11-23T15:24:00.000000Z")
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
    ],
)
def test_a_letter_is_its_subjects_and_no_other(body: bytes, meant: bool) -> None:
    assert concerns(letter(body), "café") is meant


@given(st.text(min_size=1), st.booleans())
def test_any_subject_is_found_however_it_is_written(subject: str, ascii_only: bool) -> None:
    body = json.dumps({"id": 1, "subject": subject}, ensure_ascii=ascii_only).encode()
    assert concerns(letter(body), subject)
    assert not concerns(letter(body), subject + "x")
