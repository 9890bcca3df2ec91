"""What a worker says when it is asked whether it is ready."""

import asyncio
import time
from typing import Any

import faust
import pytest
from aiohttp.test_utils import TestClient, TestServer
from prometheus_client import CollectorRegistry

from pipeline.core.errors import QueueUnavailable
from streams.pages import add_pages, missing


class Hanging:
    """Never answers."""

    name = "postgres"

    async def ping(self) -> None:
        await asyncio.Event().wait()


class Away:
    """Refuses."""

    name = "queue"

    async def ping(self) -> None:
        raise QueueUnavailable("queue events-b: refused")


class There:
    """Is well."""

    name = "kafka"

    async def ping(self) -> None: ...


async def test_what_hangs_is_named_before_who_asks_has_gone() -> None:
    begun = time.monotonic()
    assert await missing([Hanging(), Away(), There()]) == [
        "postgres: no answer within 1.5 s",
        "queue events-b: refused",
    ]
    assert time.monotonic() - begun < 2


@pytest.mark.parametrize("path", ["/", "/healthz", "/readyz", "/metrics", "/none"])
async def test_head_is_answered_as_get_without_content(path: str) -> None:
    app = faust.App("pages", broker="kafka://127.0.0.1:1")
    add_pages(app, [There()], lambda: None, CollectorRegistry())
    app.web.init_server()
    async with TestClient(TestServer(app.web.web_app)) as client:
        told, asked = await client.get(path), await client.head(path)
        assert (asked.status, await asked.read()) == (told.status, b"")
        assert asked.headers["content-type"] == told.headers["content-type"]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"origin": "https://evil.example"}, 403),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"host": "evil.example"}, 421),
    ],
)
@pytest.mark.parametrize(("web_host", "takes_any_host"), [("127.0.0.1", False), ("0.0.0.0", True)])
async def test_pages_are_for_programs_and_for_who_is_on_them(
    web_host: str, takes_any_host: bool, headers: dict[str, str], status: int
) -> None:
    app = faust.App("pages", broker="kafka://127.0.0.1:1", web_bind=web_host)
    add_pages(app, [There()], lambda: None, CollectorRegistry())
    app.web.init_server()
    async with TestClient(TestServer(app.web.web_app)) as client:
        answer = await client.get("/healthz", headers=headers)
        assert await _status(client, "http://evil.example/healthz") == (200 if takes_any_host else 421)
        assert await _status(client, "http://localhost/healthz") == 200
        assert answer.status == (200 if takes_any_host and "host" in headers else status)


async def _status(client: TestClient[Any, Any], target: str) -> int:
    """The status of the answer to a request with this target."""
    reader, writer = await asyncio.open_connection(client.host, client.port)
    writer.write(f"GET {target} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n".encode())
    answer = await reader.read()
    writer.close()
    return int(answer.split()[1])
