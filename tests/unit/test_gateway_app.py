"""The HTTP edge: every answer has the one shape, whatever was sent."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import uvicorn
from quart import Quart
from quart.typing import TestClientProtocol as Client
from uvicorn.server import ServerState

from gateway.__main__ import require_loopback
from gateway.app import READINESS, create_app
from gateway.front import MAX_REQUEST_BYTES
from gateway.http_protocol import MAX_HEAD_BYTES, BoundedHttpProtocol
from pipeline.errors import SettingsError
from pipeline.event import STRUCTURED
from pipeline.settings import GatewaySettings, KafkaSettings

EVENT = {"specversion": "1.0", "id": "1", "source": "/s", "type": "t"}


@pytest.fixture
def app(unused_tcp_port_factory: Callable[[], int], monkeypatch: pytest.MonkeyPatch) -> Quart:
    """The app, with legs that nobody answers."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{unused_tcp_port_factory()}")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    return create_app(
        GatewaySettings(
            topic_arn="arn:aws:sns:us-east-1:000000000000:events",
            leg_timeout_s=0.3,
            kafka=KafkaSettings(bootstrap_servers=f"127.0.0.1:{unused_tcp_port_factory()}"),
        )
    )


@pytest.fixture
async def client(app: Quart) -> AsyncIterator[Client]:
    async with app.test_app() as running:
        yield running.test_client()


async def post(client: Client, body: bytes, content_type: str, **headers: str) -> Any:
    return await client.post("/events", data=body, headers={"content-type": content_type, **headers})


@pytest.mark.parametrize(
    ("content_type", "body", "status", "reason"),
    [
        (STRUCTURED, b'{"a":', 400, "malformed"),
        (STRUCTURED, b'{"id": "1"}', 422, "invalid"),
        (STRUCTURED, json.dumps(EVENT | {"data": "x" * 262_144}).encode(), 413, "too_large"),
        (STRUCTURED, b'{"data":"' + b"x" * 262_144 + b'"}', 413, "too_large"),
        (STRUCTURED, b" " * (MAX_REQUEST_BYTES + 1), 413, "too_large"),
        ("application/xml", b"<a/>", 415, "media_type"),
        ("application/cloudevents-batch+json", b"[]", 400, "malformed"),
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
    assert answer["errors"] == [{"index": 1, "pointer": "/id", "detail": "must be a string"}]


async def test_a_media_type_that_holds_no_event_is_told_which_do(client: Client) -> None:
    answer = await (await post(client, b"", "text/plain")).get_json()
    assert STRUCTURED in answer["accepted"]


async def test_no_leg_is_a_503_that_says_how_to_send_again(client: Client) -> None:
    answer = await post(client, b'{"type": "t", "data": 1}', "application/json", **{"Idempotency-Key": "k"})
    content = await answer.get_json()
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert content["legs"] == {"sns": "failed", "kafka": "failed"}
    assert (content["id"], content["source"]) == ("k", "urn:mensageria:gateway")
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


async def test_an_endless_head_is_refused(app: Quart) -> None:
    config = uvicorn.Config(app, http=BoundedHttpProtocol, log_config=None, lifespan="off")
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: BoundedHttpProtocol(config, ServerState(), {}, loop), "127.0.0.1", 0)
    async with server:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        writer.write(b"GET /healthz HTTP/1.1\r\nhost: x\r\n")
        writer.write(b"a: " + b"y" * (MAX_HEAD_BYTES + 1))
        answer = await asyncio.wait_for(reader.readuntil(b"\r\n"), 5)
        writer.close()
    assert answer.startswith(b"HTTP/1.1 431 ")
