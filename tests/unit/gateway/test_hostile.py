"""What no honest client sends: a clear 4xx, and nothing published."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import uvicorn
from quart import Quart
from quart.typing import TestClientProtocol as Client
from uvicorn.server import ServerState

from gateway.app import METRICS
from gateway.events_endpoint import MAX_REQUEST_BYTES
from gateway.formats import media_types
from pipeline.core.errors import MensageriaError
from pipeline.events.event import STRUCTURED
from pipeline.serving import http_protocol
from pipeline.serving.http_protocol import MAX_HEAD_BYTES
from tests.support.raw_http import Address, talk

EVENT = {"specversion": "1.0", "id": "1", "source": "/s", "type": "t"}
BATCH = "application/cloudevents-batch+json"


def encoded(**changes: Any) -> bytes:
    return json.dumps(EVENT | changes).encode()


@pytest.mark.parametrize(
    ("content_type", "body", "status"),
    [
        (STRUCTURED, encoded()[:-1] + b',"data":' + b"[" * 100_000 + b"]" * 100_000 + b"}", 422),
        (STRUCTURED, encoded()[:-1] + b',"data":' + b"[" * 100_000, 422),
        (STRUCTURED, encoded(data=float("nan")), 400),
        (STRUCTURED, encoded(data=float("inf")), 400),
        (STRUCTURED, encoded()[:-1] + b',"id":"2"}', 400),
        (STRUCTURED, encoded(data="\ud800"), 400),
        (STRUCTURED, encoded(data="\0"), 422),
        (STRUCTURED, encoded(subject="\0"), 422),
        (STRUCTURED, encoded(id="x" * 513), 422),
        (STRUCTURED, encoded(source="é" * 257), 422),
        (STRUCTURED, encoded(data=1)[:-2] + b"1" * 5_000 + b"}", 422),
        (STRUCTURED, encoded(data=1)[:-1] + b"e999}", 422),
        (STRUCTURED, b"\xff\xfe" + encoded(), 400),
        (STRUCTURED, b"\x1f\x8b\x08", 400),
        (STRUCTURED, b"", 400),
        (STRUCTURED, b"[]", 422),
        (f"{STRUCTURED}; charset=utf-16", encoded(), 415),
        ("application/json", b'{"type":"t","data":1,"admin":true}', 422),
        ("application/x-www-form-urlencoded", b"a=1", 415),
        ("multipart/form-data; boundary=x", b"--x--", 415),
        (BATCH, b"[" + b"1," * 400 + b"1]", 422),
        (BATCH, b"[" + b"{}," * 1_000 + b"{}]", 413),
        (BATCH, json.dumps([EVENT, EVENT | {"data": "\0"}]).encode(), 422),
    ],
)
async def test_it_is_refused_and_nothing_is_published(
    client: Client, content_type: str, body: bytes, status: int
) -> None:
    answer = await client.post("/events", data=body, headers={"content-type": content_type})
    problem = await answer.get_json(force=True)
    assert (answer.status_code, answer.content_type) == (status, "application/problem+json")
    assert len(json.dumps(problem)) < 200_000
    exposition = await (await client.get("/metrics")).get_data(as_text=True)
    published = [line for line in exposition.splitlines() if line.startswith("events_published_total")]
    assert published
    assert all(line.endswith(" 0.0") for line in published)


@pytest.mark.parametrize(
    ("header", "value"),
    [("ce-id", "%ff"), ("ce-id", "x" * 513), ("ce-source", "%00"), ("ce-time", "now"), ("ce-data", "x")],
)
async def test_a_hostile_header_is_a_fault_with_a_pointer(client: Client, header: str, value: str) -> None:
    headers = {f"ce-{name}": text for name, text in EVENT.items()} | {header: value}
    answer = await client.post("/events", data=b"{}", headers=headers | {"content-type": "application/json"})
    assert answer.status_code == 422
    assert f"/{header.removeprefix('ce-')}" in {fault["pointer"] for fault in (await answer.get_json())["errors"]}


@pytest.fixture
async def address(app: Quart, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Address]:
    """A real server on a port of its own, as main() makes it, that waits for a second at most."""
    monkeypatch.setattr(http_protocol, "HEAD_TIMEOUT_S", 0.3)
    monkeypatch.setattr(http_protocol, "BODY_TIMEOUT_S", 0.3)
    protocol = http_protocol.bounded(32 * 1024**2, app.extensions[METRICS].count_rejected)
    config = uvicorn.Config(app, http=protocol, log_config=None, lifespan="off")
    state, loop = ServerState(), asyncio.get_running_loop()
    server = await loop.create_server(lambda: protocol(config, state, {}, loop), "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()


HEAD = b"POST /events HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"


async def test_an_endless_head_is_refused(address: Address) -> None:
    answer = await talk(address, HEAD, b"a: " + b"y" * (MAX_HEAD_BYTES + 1))
    assert answer.startswith(b"HTTP/1.1 431 ")


async def test_a_slow_head_is_ended(address: Address) -> None:
    assert (await talk(address, HEAD)).startswith(b"HTTP/1.1 408 ")


async def test_a_connection_that_says_nothing_is_closed(address: Address) -> None:
    assert await talk(address) == b""


async def test_a_slow_body_is_ended(address: Address) -> None:
    answer = await talk(address, HEAD + b"content-length: 100\r\n\r\n", b'{"type":')
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"application/problem+json" in answer


async def test_a_body_that_is_announced_too_large_is_not_read(address: Address) -> None:
    answer = await talk(address, HEAD + b"content-length: %d\r\n\r\n" % (MAX_REQUEST_BYTES + 1))
    assert answer.startswith(b"HTTP/1.1 413 ")


async def test_an_endless_body_is_refused_and_then_ended(address: Address) -> None:
    chunk = b"10000\r\n" + b"x" * 65_536 + b"\r\n"
    answer = await talk(address, HEAD + b"transfer-encoding: chunked\r\n\r\n", *[chunk] * 20)
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert answer.count(b"HTTP/1.1") == 1


@pytest.mark.parametrize(
    "request_line", [b"POST /events HTTP/9.9\r\n\r\n", b"\x16\x03\x01\x02\x00", b"GARBAGE\r\n\r\n"]
)
async def test_what_is_not_http_is_refused(address: Address, request_line: bytes) -> None:
    answer = await talk(address, request_line)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"application/problem+json" in answer


UPGRADE = b"connection: close, Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\nhttp2-settings: AAEA\r\n"


@pytest.mark.parametrize("pieces", [1, 2])
async def test_an_upgrade_is_ignored_and_the_body_read_as_a_body(address: Address, pieces: int) -> None:
    body = b'{"type":"","data":"\\r\\n","x":1}'
    sent = [HEAD + UPGRADE + b"content-length: %d\r\n\r\n" % len(body), body]
    answer = await talk(address, *(sent if pieces == 2 else [b"".join(sent)]))
    assert answer.startswith(b"HTTP/1.1 422 ")
    assert b'"/type"' in answer


@pytest.mark.parametrize("path", [b"/events", b"/healthz"])
@pytest.mark.parametrize("trailer", [b"a: b\r\n" * 20_000, b"a: " + b"y" * 500_000])
async def test_endless_trailers_are_ended_and_counted(address: Address, path: bytes, trailer: bytes) -> None:
    head = b"POST " + path + b" HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
    await talk(address, head + b"transfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n", trailer)
    assert await rejected(address, "head_too_large") == 1


async def test_a_trailer_is_no_header(address: Address) -> None:
    trailers = b"ce-specversion: 1.0\r\nce-id: 1\r\nce-source: /s\r\nce-type: t\r\n"
    head = b"POST /events HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n"
    answer = await talk(address, head + b"2\r\n{}\r\n0\r\ncontent-type: application/json\r\n" + trailers + b"\r\n")
    assert answer.startswith(b"HTTP/1.1 415 ")  # without a content type: neither binary nor JSON


async def test_a_body_after_an_upgrade_is_no_request(address: Address) -> None:
    asked = b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n"
    smuggled, last = asked + b"\r\n", asked + b"connection: close\r\n\r\n"
    kept = UPGRADE.replace(b"close, ", b"") + b"content-length: %d\r\n\r\n" % len(smuggled)
    answer = await talk(address, HEAD + kept + smuggled + last)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert answer.count(b"HTTP/1.1") == 2


async def test_requests_after_an_upgrade_are_answered_in_their_order(address: Address) -> None:
    kept = UPGRADE.replace(b"close, ", b"")
    chunked = HEAD + kept + b"transfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"
    last = b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n"
    answer = await talk(address, chunked * 100 + last)
    assert answer.count(b"HTTP/1.1 422 ") == 100
    assert answer.count(b"HTTP/1.1 200 ") == 1


async def test_a_tunnel_is_refused(address: Address) -> None:
    answer = await talk(address, b"CONNECT other:80 HTTP/1.1\r\nhost: other:80\r\n\r\nGET / HTTP/1.1\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 501 ")
    assert answer.count(b"HTTP/1.1") == 1


async def test_a_head_that_comes_whole_is_counted_too(address: Address) -> None:
    answer = await talk(address, HEAD + b"a: " + b"y" * MAX_HEAD_BYTES + b"\r\ncontent-length: 0\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 431 ")
    assert answer.count(b"HTTP/1.1") == 1


async def test_a_broken_chunk_is_a_problem(address: Address) -> None:
    answer = await talk(address, HEAD + b"transfer-encoding: chunked\r\n\r\nnonsense\r\n")
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"application/problem+json" in answer


async def test_a_transfer_coding_besides_chunked_is_refused(address: Address) -> None:
    coded = b"connection: close\r\ntransfer-encoding: gzip, chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"
    assert (await talk(address, HEAD + coded)).startswith(b"HTTP/1.1 415 ")


@pytest.mark.parametrize("path", [b"/events", b"/healthz", b"/metrics"])
@pytest.mark.parametrize(
    ("hosts", "status"),
    [
        (b"host: evil.example\r\n", 421),
        (b"host: 127.0.0.1.evil.example:8000\r\n", 421),
        (b"host: 192.168.1.2\r\n", 421),
        (b"host: [\r\n", 421),
        (b"host:\r\n", 421),
        (b"", 400),
        (b"host: localhost\r\nhost: localhost\r\n", 400),
    ],
)
async def test_another_name_than_this_machines_is_refused(
    address: Address, path: bytes, hosts: bytes, status: int
) -> None:
    answer = await talk(address, b"GET " + path + b" HTTP/1.1\r\n" + hosts + b"\r\n")
    assert answer.startswith(b"HTTP/1.1 %d " % status)
    assert b"application/problem+json" in answer


@pytest.mark.parametrize("path", [b"/events", b"/healthz"])
@pytest.mark.parametrize(
    ("target", "host", "status"),
    [
        (b"http://evil.example%b", b"localhost", 421),
        (b"HTTP://localhost@evil.example%b", b"localhost", 421),
        (b"http://localhost.evil.example:8000%b?a=b", b"localhost", 421),
        (b"http://localhost:8000%b", b"evil.example", 405),
    ],
)
async def test_the_host_of_an_absolute_target_counts(
    address: Address, path: bytes, target: bytes, host: bytes, status: int
) -> None:
    """RFC 9112, section 3.2.2."""
    head = b"DELETE " + target % path + b" HTTP/1.1\r\nconnection: close\r\nhost: " + host + b"\r\n\r\n"
    answer = await talk(address, head)
    assert answer.startswith(b"HTTP/1.1 %d " % status)


@pytest.mark.parametrize("host", [b"localhost:8000", b"LOCALHOST", b"127.9.8.7:1", b"[::1]:8000"])
async def test_this_machines_names_are_its_own(address: Address, host: bytes) -> None:
    asked = b"GET /healthz HTTP/1.1\r\nconnection: close\r\nhost: " + host + b"\r\n\r\n"
    assert (await talk(address, asked)).startswith(b"HTTP/1.1 200 ")


async def test_a_refused_name_is_counted(address: Address) -> None:
    await talk(address, b"GET /events HTTP/1.1\r\nhost: evil.example\r\n\r\n")
    assert await rejected(address, "foreign_host") == 1


@pytest.mark.parametrize(
    ("pieces", "reason"),
    [
        ((HEAD, b"a: " + b"y" * (MAX_HEAD_BYTES + 1)), "head_too_large"),
        ((HEAD,), "timeout"),
        ((b"no request\r\n\r\n",), "malformed"),
        ((b"CONNECT localhost:1 HTTP/1.1\r\nhost: localhost\r\n\r\n",), "method"),
    ],
)
async def test_what_is_refused_before_it_is_a_request_is_counted(
    address: Address, pieces: tuple[bytes, ...], reason: str
) -> None:
    await talk(address, *pieces)
    assert await rejected(address, reason) == 1


async def test_a_connection_too_many_is_refused_and_counted(address: Address, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_protocol, "MAX_CONNECTIONS", 0)
    assert (await talk(address)).startswith(b"HTTP/1.1 503 ")
    monkeypatch.setattr(http_protocol, "MAX_CONNECTIONS", 1)
    assert await rejected(address, "overloaded") == 1


@pytest.mark.parametrize("error", [MensageriaError("unheard of"), ZeroDivisionError("oops")])
async def test_whatever_goes_wrong_is_answered_by_a_problem_and_counted(
    address: Address, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(*_: Any) -> None:
        raise error

    monkeypatch.setattr(media_types, "read", fail)
    answer = await talk(address, HEAD + b"content-length: 2\r\n\r\n{}")
    assert answer.startswith(b"HTTP/1.1 500 ")
    assert b"urn:mensageria:problem:internal" in answer
    assert await rejected(address, "internal") == 1


async def rejected(address: Address, reason: str) -> float:
    counted = await talk(address, b"GET /metrics HTTP/1.1\r\nconnection: close\r\nhost: localhost\r\n\r\n")
    [line] = [line for line in counted.decode().splitlines() if f'events_rejected_total{{reason="{reason}"}}' in line]
    return float(line.rpartition(" ")[2])
