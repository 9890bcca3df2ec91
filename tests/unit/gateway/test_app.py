"""The HTTP edge: every answer has the one shape, whatever was sent."""

import asyncio
import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
from quart import Quart
from quart.typing import TestClientProtocol as Client

from gateway.__main__ import require_loopback
from gateway.app import READINESS, create_app
from gateway.events_endpoint import MAX_REQUEST_BYTES
from pipeline.core.errors import SettingsError
from pipeline.core.keys import new
from pipeline.core.settings.gateway import GatewaySettings
from pipeline.events.event import STRUCTURED

EVENT = {"specversion": "1.0", "id": "1", "source": "/s", "type": "t"}


async def post(client: Client, body: bytes, content_type: str, **headers: str) -> Any:
    return await client.post("/events", data=body, headers={"content-type": content_type, **headers})


async def test_an_empty_batch_is_accepted_and_publishes_nothing(client: Client) -> None:
    answer = await post(client, b"[]", "application/cloudevents-batch+json")
    assert (answer.status_code, await answer.get_json()) == (202, {"events": []})


@pytest.mark.parametrize(
    ("content_type", "body", "status", "reason"),
    [
        (STRUCTURED, b'{"a":', 400, "malformed"),
        (STRUCTURED, b'{"id": "1"}', 422, "invalid"),
        (STRUCTURED, json.dumps(EVENT | {"data": "x" * 262_144}).encode(), 413, "too_large"),
        (STRUCTURED, b'{"data":"' + b"x" * 262_144 + b'"}', 413, "too_large"),
        (STRUCTURED, b" " * (MAX_REQUEST_BYTES + 1), 413, "too_large"),
        ("application/xml", b"<a/>", 415, "media_type"),
        ("application/cloudevents-batch+json", json.dumps([EVENT, {}]).encode(), 422, "invalid"),
    ],
)
async def test_what_is_no_event_is_a_problem(
    client: Client, content_type: str, body: bytes, status: int, reason: str
) -> None:
    answer = await post(client, body, content_type)
    content = await answer.get_json(force=True)
    assert (answer.status_code, answer.content_type) == (status, "application/problem+json")
    assert content["status"] == status
    assert content["type"] == f"urn:mensageria:problem:{reason.replace('_', '-')}"
    exposition = await (await client.get("/metrics")).get_data(as_text=True)
    assert f'events_rejected_total{{reason="{reason}"}} 1.0' in exposition


async def test_every_fault_has_its_pointer_and_in_a_batch_its_index(client: Client) -> None:
    single = await (await post(client, json.dumps(EVENT | {"id": 1, "type": ""}).encode(), STRUCTURED)).get_json()
    assert [fault["pointer"] for fault in single["errors"]] == ["/id", "/type"]
    batch = json.dumps([EVENT, EVENT | {"id": 1}]).encode()
    answer = await (await post(client, batch, "application/cloudevents-batch+json")).get_json()
    fault = {"pointer": "/id", "detail": "must be a string", "code": "not-a-string", "parameters": {}}
    assert answer["errors"] == [{"index": 1, **fault}]


async def test_a_media_type_that_holds_no_event_is_told_which_do(client: Client) -> None:
    answer = await (await post(client, b"", "text/plain")).get_json()
    assert STRUCTURED in answer["accepted"]


async def test_no_leg_is_a_503_that_says_how_to_send_again(client: Client) -> None:
    answer = await post(client, b'{"type": "t", "data": 1}', "application/json", **{"Idempotency-Key": "k"})
    content = await answer.get_json()
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert content["legs"] == {"sns": "failed", "kafka": "failed"}
    assert (content["id"], content["source"]) == ("k", "urn:mensageria:gateway")
    assert content["type"] == "urn:mensageria:problem:unavailable"
    assert "same id" in content["detail"]


async def test_alive_without_legs_and_ready_with_both_alone(client: Client, app: Quart) -> None:
    assert (await client.get("/healthz")).status_code == 200
    answer = await client.get("/readyz")
    assert answer.status_code == 503
    assert (await answer.get_json())["legs"] == {"sns": "unreachable", "kafka": "unreachable"}
    app.extensions[READINESS].stop()
    assert "stopping" in (await (await client.get("/readyz")).get_json())["detail"]


async def test_unknown_addresses_and_methods_are_problems(client: Client) -> None:
    missing, wrong = await client.get("/nothing"), await client.get("/events")
    assert (missing.status_code, missing.content_type) == (404, "application/problem+json")
    assert (wrong.status_code, wrong.content_type) == (405, "application/problem+json")
    assert "POST" in wrong.headers["Allow"]


async def test_a_fault_of_the_gateway_is_a_problem_too(app: Quart) -> None:
    @app.get("/broken")
    async def broken() -> str:
        raise ZeroDivisionError

    async with app.test_app() as running:
        answer = await running.test_client().get("/broken")
    assert (answer.status_code, answer.content_type) == (500, "application/problem+json")
    assert "ZeroDivisionError" not in await answer.get_data(as_text=True)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "localhost"])
def test_a_loopback_address_needs_no_keys(host: str) -> None:
    require_loopback(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.2", "gateway", ""])
def test_another_address_is_refused(host: str) -> None:
    with pytest.raises(SettingsError, match=r"127\.0\.0\.1"):
        require_loopback(host)


@pytest.fixture
def keyed(gateway_settings: GatewaySettings, tmp_path: Path) -> tuple[Quart, str, str]:
    """An app with a key and a revoked one."""
    (key, line), (revoked, gone) = new("shop"), new("mail")
    (tmp_path / "keys").write_text(f"{line}\n{gone} revoked\n")
    settings = dataclasses.replace(gateway_settings, keys_file=str(tmp_path / "keys"))
    return create_app(settings), key, revoked


async def test_only_who_has_a_key_publishes(keyed: tuple[Quart, str, str]) -> None:
    app, key, revoked = keyed
    body = b'{"type": "t", "data": 1}'
    async with app.test_app() as running:
        client = running.test_client()
        nobody = await post(client, body, "application/json")
        wrong = await post(client, body, "application/json", Authorization="Bearer wrong")
        gone = await post(client, body, "application/json", Authorization=f"Bearer {revoked}")
        known = await post(client, body, "application/json", Authorization=f"Bearer {key}")
        assert (await client.get("/healthz")).status_code == 200
    assert [answer.status_code for answer in (nobody, wrong, gone, known)] == [401, 401, 403, 503]
    assert nobody.headers["www-authenticate"] == "Bearer"
    assert {answer.content_type for answer in (nobody, gone)} == {"application/problem+json"}
    assert key not in await known.get_data(as_text=True)


async def test_a_key_over_its_rate_waits(gateway_settings: GatewaySettings) -> None:
    app = create_app(dataclasses.replace(gateway_settings, key_events_per_s=0.5, key_burst_events=1.0))
    async with app.test_app() as running:
        client = running.test_client()
        await post(client, b'{"type": "t", "data": 1}', "application/json")
        answer = await post(client, b'{"type": "t", "data": 1}', "application/json")
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "2")


async def test_what_is_over_the_bound_is_answered_at_once(gateway_settings: GatewaySettings) -> None:
    app = create_app(dataclasses.replace(gateway_settings, max_events=1))
    async with app.test_app() as running:
        client = running.test_client()
        answers = await asyncio.gather(*(post(client, b'{"type": "t", "data": 1}', "application/json") for _ in "123"))
    told = [(await answer.get_json())["type"].rpartition(":")[2] for answer in answers]
    assert sorted(told) == ["overloaded", "overloaded", "unavailable"]
    assert all(int(answer.headers["retry-after"]) >= 1 for answer in answers)


async def test_data_is_held_to_the_schema_that_anyone_can_read(
    gateway_settings: GatewaySettings, tmp_path: Path
) -> None:
    (tmp_path / "a%2Fb.json").write_text('{"type": "integer"}')
    app = create_app(dataclasses.replace(gateway_settings, schemas_dir=str(tmp_path)))
    async with app.test_app() as running:
        client = running.test_client()
        (listed,) = (await (await client.get("/schemas")).get_json())["schemas"]
        schema = await client.get(listed["href"])
        answer = await post(client, json.dumps(EVENT | {"type": "a/b", "data": "x", "id": 1}).encode(), STRUCTURED)
        missing = await client.get("/schemas/none")
    assert (listed["type"], schema.content_type) == ("a/b", "application/schema+json")
    assert await schema.get_json(force=True) == {"type": "integer"}
    assert [fault["pointer"] for fault in (await answer.get_json())["errors"]] == ["/id", "/data"]
    assert (missing.status_code, missing.content_type) == (404, "application/problem+json")


async def test_the_page_of_the_reference_needs_nothing_from_elsewhere(client: Client) -> None:
    document = await (await client.get("/openapi.json")).get_json()
    page = await client.get("/docs")
    html = await page.get_data(as_text=True)
    assert document["openapi"].startswith("3.1")
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "<script" not in html
    assert "http://" not in html.replace("https://", "http://")
    for path in document["paths"]:
        assert path in html
    assert (await client.get("/docs/style.css")).content_type.startswith("text/css")
