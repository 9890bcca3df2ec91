"""A real small HTTP server that stands where the gateway and the query are."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit


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


@contextmanager
def serving() -> Iterator[Edge]:
    """One that answers at its `url`."""
    edge = Edge()
    with ThreadingHTTPServer(("127.0.0.1", 0), _handler(edge)) as server:
        edge.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield edge
        finally:
            server.shutdown()
            thread.join()
