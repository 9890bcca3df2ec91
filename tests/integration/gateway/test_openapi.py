"""/openapi.json held against what the gateway really does: no 5xx, no undocumented answer."""

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import CheckFunction
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

CHECKS: list[CheckFunction] = [
    schemathesis.checks.not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]

STREAM = "GET /events/{id}/journey"


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_every_answer_is_a_documented_one(aws: dict[str, str], scale: float, mode: GenerationMode) -> None:
    api = schemathesis.openapi.from_url(f"{aws['gateway']}/openapi.json")
    operations = [found.ok() for found in api.get_all_operations() if isinstance(found, Ok)]
    assert {"POST /events", STREAM} <= {operation.label for operation in operations}
    for operation in operations:
        if operation.label == STREAM:
            continue  # what is a stream has no end: test_gateway_journeys.py reads it
        if mode is GenerationMode.NEGATIVE and not operation.body:
            continue  # there is nothing to send that is wrong

        @settings(
            max_examples=max(20, int(500 * scale)),
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
            database=None,
        )
        @given(case=operation.as_strategy(generation_mode=mode))
        def answers_as_documented(case: Any) -> None:
            case.call_and_validate(base_url=aws["gateway"], checks=CHECKS)

        answers_as_documented()
