"""The pages over a real small HTTP server that stands where the gateway and the query are; the gateway without legs."""

import json
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from quart import Quart
from quart.typing import TestClientProtocol as Client

import gateway.app
from pipeline.core.settings.gateway import GatewaySettings
from pipeline.core.settings.kafka import KafkaSettings
from pipeline.core.settings.web import WebSettings
from tests.support.clock import Clock
from web.app import create_app


@dataclass
class Edge:
    """What it answers by path, and what it was asked; of a list, each answer is given once, the last one on and on."""

    url: str = ""
    answers: dict[str, list[tuple[int, Any]]] = field(
        default_factory=lambda: {
            "/schemas": [(200, {"schemas": []})],
            "/stage/stored": [(200, {"events": [], "next": None, "resume_from": "2026-11-23T15:24:00.000000Z"})],
        }
    )
    queries: list[dict[str, str]] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    keys: list[str | None] = field(default_factory=list)

    def answer(self, path: str, *answers: tuple[int, Any]) -> None:
        self.answers[path] = list(answers)

    def next_answer(self, path: str) -> tuple[int, Any]:
        waiting = self.answers[path]
        return waiting.pop(0) if len(waiting) > 1 else waiting[0]


def _handler(edge: Edge) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        _fields: str | None = None

        def do_GET(self) -> None:
            address = urlsplit(self.path)
            self._fields = dict(parse_qsl(address.query)).get("fields")
            if address.path.startswith("/stage/") and address.path != "/stage/stored":
                edge.queries.append(dict(parse_qsl(address.query)))
            self._answer(address.path)

        def do_POST(self) -> None:
            edge.keys.append(self.headers["authorization"])
            edge.bodies.append(self.rfile.read(int(self.headers["content-length"])))
            self._answer(self.path)

        def _answer(self, path: str) -> None:
            status, content = edge.next_answer(path)
            if self._fields and isinstance(content, dict) and path == "/stage/events":
                # As the query does: what was not asked for is not there.
                asked = self._fields.split(",")
                rows = [{name: row[name] for name in asked if name in row} for row in content.get("events", ())]
                content = content | {"events": rows}
            body = content if isinstance(content, bytes) else json.dumps(content).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    return Handler


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def edge() -> Iterator[Edge]:
    edge = Edge()
    with ThreadingHTTPServer(("127.0.0.1", 0), _handler(edge)) as server:
        edge.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield edge
        server.shutdown()
        thread.join()


@pytest.fixture
async def pages(edge: Edge) -> AsyncIterator[Client]:
    """A client of the running pages."""
    app = create_app(WebSettings(gateway_url=edge.url, query_url=f"{edge.url}/stage", timeout_s=2))
    async with app.test_app() as running:
        yield running.test_client()


@pytest.fixture
def gateway_settings(unused_tcp_port_factory: Callable[[], int], monkeypatch: pytest.MonkeyPatch) -> GatewaySettings:
    """Legs that nobody answers."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{unused_tcp_port_factory()}")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    return GatewaySettings(
        topic_arn="arn:aws:sns:us-east-1:000000000000:events",
        leg_timeout_s=0.3,
        kafka=KafkaSettings(bootstrap_servers=f"127.0.0.1:{unused_tcp_port_factory()}"),
    )


@pytest.fixture
def app(gateway_settings: GatewaySettings) -> Quart:
    """The gateway's app."""
    return gateway.app.create_app(gateway_settings)


@pytest.fixture
async def client(app: Quart) -> AsyncIterator[Client]:
    """A client of the running gateway."""
    async with app.test_app() as running:
        yield running.test_client()
