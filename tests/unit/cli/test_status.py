"""`mensageria status`: what is said of a service by its answer to `/readyz`."""

import httpx
import pytest

from cli.status import Finding, service
from cli.status_command import exit_code


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (httpx.Response(200, json={"status": "ready"}), ("ok", "")),
        (
            httpx.Response(200, json={"status": "degraded", "legs": {"sns": "unreachable", "kafka": "reachable"}}),
            ("degraded", "unreachable: sns; what is pending there is published later"),
        ),
        (httpx.Response(503, json={"missing": ["postgres: gone"]}), ("OUT", "503: postgres: gone")),
    ],
)
async def test_a_service_is_ok_degraded_or_out(answer: httpx.Response, expected: tuple[str, str]) -> None:
    async with httpx.AsyncClient(transport=httpx.MockTransport(lambda _: answer)) as http:
        found = await service(http, "gateway", "http://gateway/")
    assert (found.state, found.detail) == expected


def test_json_says_degraded_too() -> None:
    assert Finding("gateway", ok=True, is_degraded=True).shown()["state"] == "degraded"


@pytest.mark.parametrize(
    ("worst", "code"),
    [
        (Finding("queue b", ok=True, waiting=7, dead_letters=0), 0),
        (Finding("queue b", ok=True, dead_letters=1), 1),
        (Finding("gateway", ok=True, is_degraded=True), 1),
        (Finding("gateway", ok=False), 3),
    ],
)
def test_the_exit_code_is_that_of_the_worst_part(worst: Finding, code: int) -> None:
    assert exit_code([Finding("web", ok=True), worst, Finding("query", ok=True)]) == code
