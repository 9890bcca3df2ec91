"""The pages over a real small HTTP server that stands where the gateway and the query are."""

import json
import threading
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from quart.typing import TestClientProtocol as Client

from pipeline.settings import WebSettings
from web.app import create_app


@dataclass
class Edge:
    """What it answers by path, and what it was asked; of a list, each answer is given once, the last one on and on."""

    url: str = ""
    answers: dict[str, list[tuple[int, Any]]] = field(default_factory=dict)
    queries: list[dict[str, str]] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)

    def answer(self, path: str, *answers: tuple[int, Any]) -> None:
        self.answers[path] = list(answers)

    def next_answer(self, path: str) -> tuple[int, Any]:
        waiting = self.answers[path]
        return waiting.pop(0) if len(waiting) > 1 else waiting[0]


def _handler(edge: Edge) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            address = urlsplit(self.path)
            edge.queries.append(dict(parse_qsl(address.query)))
            self._answer(address.path)

        def do_POST(self) -> None:
            edge.bodies.append(self.rfile.read(int(self.headers["content-length"])))
            self._answer(self.path)

        def _answer(self, path: str) -> None:
            status, content = edge.next_answer(path)
            body = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    return Handler


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
