"""What the command sends to the gateway and the query, and how it takes their answers."""

import json
from typing import Any

import httpx
import pytest

from cli.edges import Edges
from pipeline.errors import InvalidParameters, SettingsError
from pipeline.settings import EdgeSettings


def edges(answers: list[httpx.Response], seen: list[httpx.Request]) -> Edges:
    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return answers[len(seen) - 1]

    http = httpx.AsyncClient(transport=httpx.MockTransport(answer))
    return Edges(http, EdgeSettings(query_url="http://query"))


@pytest.mark.parametrize(
    ("members", "keyed"),
    [({}, True), ({"id": None}, True), ({"id": "a"}, False), ({"id": 1}, False), ({"specversion": "1.0"}, False)],
)
async def test_an_event_without_an_id_has_one_from_the_first_try_on(members: dict[str, Any], keyed: bool) -> None:
    seen: list[httpx.Request] = []
    await edges([httpx.Response(503), httpx.Response(202, json={})], seen).publish(
        json.dumps({"type": "t"} | members).encode()
    )
    keys = [request.headers.get("idempotency-key") for request in seen]
    assert (len(keys), len(set(keys)), keys[0] is not None) == (2, 1, keyed)


@pytest.mark.parametrize("key", ["chave-é", "key\n", "a\x00b"])
async def test_a_key_that_no_header_takes_is_a_wrong_setting(key: str) -> None:
    with pytest.raises(SettingsError, match="MENSAGERIA_GATEWAY_KEY"):
        async with Edges.connected(EdgeSettings(query_url="http://query", gateway_key=key)):
            pass


async def test_wrong_parameters_are_told_once() -> None:
    fault = "is after `to`: exchange them"
    problem = {"detail": f"from {fault}", "errors": [{"parameter": "from", "detail": fault}]}
    with pytest.raises(InvalidParameters) as raised:
        await edges([httpx.Response(400, json=problem)], []).page({})
    assert str(raised.value) == f"from {fault}"
