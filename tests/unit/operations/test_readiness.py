"""Answers to `/readyz`, of the services and of whatever stands before them."""

from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from operations import readiness
from operations.readiness import Readiness


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (200, {"status": "ready"}, Readiness("ready")),
        (200, {"status": "ready", "legs": {"sns": "reachable", "kafka": "reachable"}}, Readiness("ready")),
        (
            200,
            {"status": "degraded", "legs": {"sns": "reachable", "kafka": "unreachable"}},
            Readiness("degraded", "unreachable: kafka; what is pending there is published later"),
        ),
        (
            503,
            {"status": "not ready", "missing": ["kafka: a", "dynamodb: b"]},
            Readiness("not_ready", "kafka: a; dynamodb: b"),
        ),
        (
            503,
            {"status": 503, "detail": "cannot reach sns and kafka"},
            Readiness("not_ready", "cannot reach sns and kafka"),
        ),
        (502, {}, Readiness("not_ready", "it answers 502")),
    ],
)
def test_each_answer_has_one_meaning(status: int, body: dict[str, Any], expected: Readiness) -> None:
    assert readiness.of(httpx.Response(status, json=body)) == expected


@given(st.binary())
def test_what_is_no_document_is_read_by_its_status(body: bytes) -> None:
    assert readiness.of(httpx.Response(200, content=body)).state == "ready"
    assert readiness.of(httpx.Response(503, content=body)) == Readiness("not_ready", "it answers 503")
