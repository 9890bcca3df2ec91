"""What the span of a sampled request says of its answer."""

from typing import Any

import pytest
from opentelemetry.trace import StatusCode

from gateway import answers
from gateway.errors import Overloaded
from gateway.sampling import SampledRequest
from pipeline.core.errors import InvalidEvent, MensageriaError
from pipeline.core.token_bucket import TokenBucket
from pipeline.telemetry import spans


class Kept:
    """In the place of what sends spans: keeps them."""

    def __init__(self, *_: Any, **__: Any) -> None:
        self.ended: list[Any] = []

    def on_end(self, span: Any) -> None:
        self.ended.append(span)


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> spans.Spans:
    monkeypatch.setattr(spans, "BatchSpanProcessor", Kept)
    return spans.Spans("gateway", "http://127.0.0.1:1", "")


def request(made: spans.Spans) -> SampledRequest:
    return SampledRequest(made, None, TokenBucket(1, 1), "events")


def only(made: spans.Spans) -> tuple[StatusCode, Any, Any]:
    processor: Any = made._origin.processor
    [span] = processor.ended
    attributes = span.attributes
    return span.status.status_code, attributes["http.response.status_code"], attributes.get("error.type")


@pytest.mark.parametrize(
    ("status", "code", "error_type"),
    [(202, StatusCode.UNSET, None), (422, StatusCode.UNSET, None), (503, StatusCode.ERROR, "503")],
)
def test_an_answer_fails_the_span_where_it_is_the_gateways_fault(
    made: spans.Spans, status: int, code: StatusCode, error_type: str | None
) -> None:
    with request(made) as trace:
        trace.answered(status, None)
    assert only(made) == (code, status, error_type)


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (InvalidEvent([]), 422, StatusCode.UNSET),
        (Overloaded("full", 1), 503, StatusCode.ERROR),
        (MensageriaError("unheard of"), 500, StatusCode.ERROR),
    ],
)
def test_a_refusal_is_named_after_its_error(
    made: spans.Spans, error: MensageriaError, status: int, code: StatusCode
) -> None:
    with request(made) as trace:
        answer = answers.of_error(error)
        trace.answered(answer.status, answer.error_type)
    assert only(made) == (code, status, type(error).__name__)
