"""uvicorn's httptools protocol with what it lacks: bounds, problems as answers, and no trust in `Upgrade`."""

import asyncio
from typing import Any

import httptools
import msgspec
import structlog
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from pipeline import problems
from pipeline.metrics import GatewayMetrics

MAX_HEAD_BYTES = 64 * 1024
"""Of a request line and headers: an event's attributes in ce-* headers fit well."""

HEAD_TIMEOUT_S = 10
"""Longest wait for a head that has begun, and for the first request of a connection."""

BODY_TIMEOUT_S = 30
"""Longest wait for a body, from its head on."""

MAX_CONNECTIONS = 4096

_log = structlog.get_logger(__name__)


class HeadTooLarge(Exception):
    """Stops the parser at a head that has its answer already."""


class BoundedHttpProtocol(HttpToolsProtocol):
    """Refuses endless heads (431), requests that take too long to arrive (408) and too many connections (503).

    `Upgrade` is ignored, as a server may (RFC 9110, section 7.8): the body is read as that of any
    other request. httptools would hand over the connection instead, and what is in the body with it.

    A connection has one timer, which looks whether the time of the request is over: setting
    one for each request would cost as much as parsing it.
    """

    metrics: GatewayMetrics
    _due: float | None
    _look: asyncio.TimerHandle
    _head_bytes: int
    _is_in_head: bool

    def connection_made(self, transport: Any) -> None:
        """A connection: its first head has to come in time."""
        super().connection_made(transport)
        self._await_head()
        self._look = self.loop.call_later(HEAD_TIMEOUT_S, self._look_at_time)
        if len(self.connections) > MAX_CONNECTIONS:
            self._refuse(503, "overloaded", "the gateway has too many connections: try again a little later")

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone, and with it the wait."""
        self._look.cancel()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        """The first byte of a request."""
        super().on_message_begin()
        self._await_head()

    def on_headers_complete(self) -> None:
        """The head is there; the body is waited for."""
        if self.parser.should_upgrade():
            return  # the parser stops here: _feed goes on
        if sum([len(self.url), *(len(name) + len(value) + 4 for name, value in self.headers)]) > MAX_HEAD_BYTES:
            self._refuse_head()
            raise HeadTooLarge
        self._is_in_head = False
        self._due = self.loop.time() + BODY_TIMEOUT_S
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """The whole request is there."""
        if self.parser.should_upgrade():
            return
        self._due = None
        super().on_message_complete()

    def data_received(self, data: bytes) -> None:
        """A piece of at most 256 KiB, so the head is bounded by that and MAX_HEAD_BYTES."""
        self._unset_keepalive_if_required()
        try:
            self._feed(data)
        except httptools.HttpParserError as error:
            if not self.transport.is_closing():
                self._refuse(400, "malformed", f"not an HTTP request: {error}")
            return
        if not self._is_in_head:
            return
        self._head_bytes += len(data)
        if self._head_bytes > MAX_HEAD_BYTES:
            self._refuse_head()

    def _feed(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest and not self.transport.is_closing():
            try:
                self.parser.feed_data(rest)
            except httptools.HttpParserUpgrade as upgrade:
                rest = rest[upgrade.args[0] :]
                self._begin_again_without_upgrade()
            else:
                return

    def _begin_again_without_upgrade(self) -> None:
        """Have a new parser read the same head, as that of an ordinary request; a tunnel is refused."""
        method, version = self.parser.get_method(), self.parser.get_http_version()
        if method == b"CONNECT":
            self._refuse(501, "method", "this is no proxy: events go to POST /events")
            return
        lines = [b"%b: %b\r\n" % header for header in self.headers if header[0] != b"upgrade"]
        head = b"%b %b HTTP/%b\r\n%b\r\n" % (method, self.url, version.encode(), b"".join(lines))
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn's own
        self.parser.feed_data(head)

    def _refuse_head(self) -> None:
        self._refuse(431, "head-too-large", f"the headers are over {MAX_HEAD_BYTES} bytes")

    def _await_head(self) -> None:
        self._is_in_head = True
        self._head_bytes = 0
        self._due = self.loop.time() + HEAD_TIMEOUT_S

    def _look_at_time(self) -> None:
        now = self.loop.time()
        if self._due is not None and self._due <= now:
            self._end_overdue()
            return
        self._look = self.loop.call_at(self._due or now + HEAD_TIMEOUT_S, self._look_at_time)

    def _end_overdue(self) -> None:
        """With an answer, unless none was asked for or the app has begun one."""
        if self._head_bytes or not self._is_in_head:
            self._refuse(408, "timeout", "the request did not arrive in time: send it again")
        else:
            self.transport.close()

    def _refuse(self, status: int, kind: str, detail: str) -> None:
        if self._is_answered():
            self.transport.close()
            return
        self.metrics.rejected[kind.replace("-", "_")].inc()
        _log.warning("not a request", status=status, reason=kind)
        content = problems.problem(status, kind, detail)
        body = msgspec.json.encode(content)
        retry = b"retry-after: 1\r\n" if status == 503 else b""
        self.transport.write(
            b"HTTP/1.1 %d %b\r\ncontent-type: application/problem+json\r\nconnection: close\r\n%b"
            b"content-length: %d\r\n\r\n%b" % (status, content["title"].encode(), retry, len(body), body)
        )
        self.transport.close()

    def _is_answered(self) -> bool:
        """Whether the request that arrives has its answer, or the one before it is waiting for its own."""
        if self._is_in_head:
            return bool(self.cycle and not self.cycle.response_complete)
        return bool(self.cycle.response_started or self.pipeline)


def counting(metrics: GatewayMetrics) -> type[BoundedHttpProtocol]:
    """The protocol of one app: uvicorn is told a class, and makes one of it for each connection."""
    return type("CountingHttpProtocol", (BoundedHttpProtocol,), {"metrics": metrics})
