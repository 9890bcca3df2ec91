"""What the command sends to the gateway and the query, and how it takes their answers."""

import json
from typing import Any

import httpx
import pytest

from cli.edges import Edges
from cli.output import write_json
from operations.http_api import HttpApi
from pipeline.core.errors import InvalidParameters, SettingsError
from pipeline.core.settings.tools import EdgeSettings


def edges(answers: list[httpx.Response], seen: list[httpx.Request]) -> Edges:
    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return answers[len(seen) - 1]

    http = httpx.AsyncClient(transport=httpx.MockTransport(answer))
    return Edges(HttpApi(http, EdgeSettings(query_url="http://query/stage/", query_key="q")))


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
    fault = "is after `to`: swap them"
    problem = {"detail": f"from {fault}", "errors": [{"parameter": "from", "detail": fault}]}
    with pytest.raises(InvalidParameters) as raised:
        await edges([httpx.Response(400, json=problem)], []).page({})
    assert str(raised.value) == f"from {fault}"


NUMBERS = (
    '{"big":12345678901234567890123,"money":12345678901234567.89,"third":0.33333333333333333333,'
    '"price":1.10,"exp":1E5,"neg":-0.0,"id64":1152921506151679042}'
)


async def test_numbers_go_through_to_the_last_digit(capsys: pytest.CaptureFixture[str]) -> None:
    event = '{"id":"1",\n "data":' + NUMBERS + "}"
    found = '{"source":"s","id":"1","event":' + event + ',"complete":true}'
    page = '{"events":[{"id":"1","event":' + event + '}],"next":null}'
    both = edges([httpx.Response(200, content=found), httpx.Response(200, content=page)], [])
    write_json(await both.event("s", "1"))
    write_json((await both.page({}))["events"][0])
    written = capsys.readouterr().out.splitlines()
    assert len(written) == 2
    assert all(f'"data":{NUMBERS}' in line for line in written)


async def test_the_query_is_asked_with_its_key_at_one_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    seen: list[httpx.Request] = []
    await edges([httpx.Response(200, json={"events": []})], seen).page({"limit": "1"})
    assert str(seen[0].url) == "http://query/stage/events?limit=1"
    assert seen[0].headers["authorization"] == "Bearer q"
