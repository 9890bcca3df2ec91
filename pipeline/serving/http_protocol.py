"""HTTP/1.1 server protocol with bounds: uvicorn's httptools protocol, for every service that strangers reach."""

import asyncio
from collections.abc import Callable, Sized
from dataclasses import dataclass
from typing import Any, NamedTuple

import httptools
import msgspec
import structlog
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from pipeline.core import problems
from pipeline.serving import origins
from pipeline.serving.until_closed import UntilClosed

MAX_HEAD_BYTES = 64 * 1024
"""Of a request line and headers: an event's attributes in ce-* headers fit well."""

MAX_FIELDS = 512
"""Header fields of a request."""

HEAD_TIMEOUT_S = 10
"""Longest wait for a head that has begun, and for the first request of a connection."""

BODY_TIMEOUT_S = 30
"""Longest wait for a body, from its head on."""

MAX_CONNECTIONS = 4096

MAX_PIPELINED = 256
"""Requests of one connection that wait for the answers of those before them."""

KEEP_ALIVE_S = 75
"""Longest idle time of a connection: more than the 60 s of a load balancer, which must be the one that closes."""

RELEASE = "mensageria.release"
"""Key in a request's `extensions`: call its `release` once nothing of the body is held, before the answer."""

REASONS = ("malformed", "head_too_large", "timeout", "overloaded", "method")
"""Of refusals."""

_CHUNK_FRAMING_BYTES = 16
"""Allowance for the framing of one chunk: its size in hex and two line ends."""

_FIELD_BYTES = 128
"""Memory of a header field beside its characters: a tuple and two bytes objects."""

_REQUEST_BYTES = 2560
"""Memory of a request beside its fields and body: uvicorn's cycle, its scope and its event."""

_log = structlog.get_logger(__name__)


class RequestRefused(Exception):
    """Stops the parser at a request that has its answer already."""


class _Refusal(NamedTuple):
    status: int
    kind: str
    detail: str

    def response(self) -> bytes:
        content = problems.problem(self.status, self.kind, self.detail)
        body = msgspec.json.encode(content)
        retry = b"retry-after: 1\r\n" if self.status == 503 else b""
        return (
            b"HTTP/1.1 %d %b\r\ncontent-type: application/problem+json\r\nconnection: close\r\n%b"
            b"content-length: %d\r\n\r\n%b" % (self.status, content["title"].encode(), retry, len(body), body)
        )


_HEAD_TOO_LARGE = _Refusal(
    431,
    "head-too-large",
    f"the headers or the chunk framing exceed {MAX_HEAD_BYTES} bytes or {MAX_FIELDS} fields",
)
_MALFORMED = "not an HTTP request"
_TIMEOUT = _Refusal(408, "timeout", "the request did not arrive in time: send it again")
_NO_PROXY = _Refusal(501, "method", "this server is not a proxy")
_TOO_MANY = _Refusal(503, "overloaded", "too many connections: try again a little later")
_TOO_MUCH = _Refusal(503, "overloaded", "too much is being received: try again a little later")


@dataclass
class ReceiveMemory:
    """Memory for requests that have no answer yet, over all connections of one process."""

    max_bytes: int
    size_bytes: int = 0


class _PipelineFlow(FlowControl):
    """Reads no more while requests of the connection wait for their turn; uvicorn's goes on after each answer."""

    def __init__(self, transport: asyncio.Transport, pipeline: Sized) -> None:
        super().__init__(transport)
        self._pipeline = pipeline

    def resume_reading(self) -> None:
        """Read on, where nothing waits."""
        if not self._pipeline:
            super().resume_reading()


class BoundedHttpProtocol(HttpToolsProtocol):
    """Refuses endless heads, framing and trailers (431), slow requests (408), and what exceeds the memory (503).

    A request that can't be served is refused after the answers of those before it on the connection.

    `Upgrade` is ignored, as a server may (RFC 9110, section 7.8): the body is read as that of any
    other request. httptools would hand over the connection instead, and what is in the body with it.
    Trailer fields are dropped: merged into the headers they would pass whatever checks a head
    on its way here (RFC 9110, section 6.5.1).
    The host of a target in absolute form takes the place of the Host header's value.

    A connection has one timer, which checks the deadline of the current request: setting
    one for each request would cost as much as parsing it.
    """

    memory: ReceiveMemory
    count_refusal: Callable[[str], None]

    _extensions: dict[str, dict[object, object]]
    _due: float | None
    _look: asyncio.TimerHandle
    _is_in_head = False
    _is_in_body = False
    _framing_bytes = 0
    _received_bytes = 0
    _held_bytes = 0
    _head_bytes = 0
    _refusal: _Refusal | None = None

    def connection_made(self, transport: Any) -> None:
        """A connection: its first head has to come in time."""
        super().connection_made(transport)
        self.flow = _PipelineFlow(transport, self.pipeline)
        self._extensions = {RELEASE: {"release": self._release}}
        self._due = self.loop.time() + HEAD_TIMEOUT_S
        self._look = self.loop.call_later(HEAD_TIMEOUT_S, self._look_at_time)
        if len(self.connections) > MAX_CONNECTIONS:
            self._refuse(_TOO_MANY)

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone, and with it the wait and what was received."""
        self._look.cancel()
        self._hold(0)
        super().connection_lost(exc)
        # These lead back here. Left to the garbage collector, which runs seldom, the heads of thousands of
        # connections that were refused in a few seconds take more than a hundred MB.
        self._extensions = {}
        self.pipeline.clear()
        self.cycle = self.scope = None  # type: ignore[assignment]
        self.headers = []

    def on_message_begin(self) -> None:
        """The first byte of a request."""
        super().on_message_begin()
        self.scope["extensions"] = self._extensions
        self._received_bytes += _REQUEST_BYTES
        self._is_in_head = True
        self._due = self.loop.time() + HEAD_TIMEOUT_S

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header field; one of a trailer is dropped."""
        if not self._is_in_head:
            return
        if len(self.headers) >= MAX_FIELDS:
            self._refuse(_HEAD_TOO_LARGE)
            raise RequestRefused
        self._received_bytes += _FIELD_BYTES
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The head is there; the body is waited for."""
        if self.parser.should_upgrade():
            return  # the parser stops here: _feed goes on
        head_bytes = sum([len(self.url), *(len(name) + len(value) + 4 for name, value in self.headers)])
        if head_bytes > MAX_HEAD_BYTES:
            self._refuse(_HEAD_TOO_LARGE)
            raise RequestRefused
        if len(self.pipeline) >= MAX_PIPELINED:
            self._refuse(_TOO_MUCH)
            raise RequestRefused
        if target := origins.absolute_target(self.url):
            host, self.url = target
            self.headers[:] = [(name, host if name == b"host" else value) for name, value in self.headers]
        self._head_bytes = head_bytes + _FIELD_BYTES * len(self.headers) + _REQUEST_BYTES
        self._is_in_head = False
        self._is_in_body = True
        self._due = self.loop.time() + BODY_TIMEOUT_S
        super().on_headers_complete()
        if self.parser.get_http_version() == "1.0":
            self.cycle.send = UntilClosed(self.cycle)  # type: ignore[method-assign]

    def on_body(self, body: bytes) -> None:
        """A part of the body: what is left of the bytes received is framing."""
        self._framing_bytes = max(0, self._framing_bytes - len(body) - _CHUNK_FRAMING_BYTES)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The whole request is there."""
        if self.parser.should_upgrade():
            return
        self._is_in_body = False
        self._due = None
        # What follows in the same piece is not counted: how much of it belongs to this request is unknown.
        self._framing_bytes = 0
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """A request is answered; one that was refused behind it gets its answer now."""
        was_last = not self.pipeline
        super().on_response_complete()
        if was_last:
            self._hold(0)
            if self._refusal:
                self._end(self._refusal)

    def data_received(self, data: bytes) -> None:
        """A piece of at most 256 KiB, so a head is bounded by that and MAX_HEAD_BYTES."""
        if self._refusal:
            return
        self._unset_keepalive_if_required()
        self._framing_bytes += len(data)
        try:
            self._feed(data)
        except httptools.HttpParserError as error:
            if not self.transport.is_closing():
                self._refuse(_Refusal(400, "malformed", f"{_MALFORMED}: {error}"))
            return
        if self._framing_bytes > MAX_HEAD_BYTES:
            self._refuse(_HEAD_TOO_LARGE)
        else:
            self._count_received(len(data))

    def _count_received(self, size_bytes: int) -> None:
        """Count a piece of a request that has no answer yet; what comes after the answer is thrown away."""
        if self.cycle and self.cycle.response_complete and not self._is_in_head:
            self._hold(0)
            return
        self._received_bytes += size_bytes
        self._hold(self._received_bytes)
        if self.memory.size_bytes > self.memory.max_bytes:
            self._refuse(_TOO_MUCH)

    def _hold(self, size_bytes: int) -> None:
        self.memory.size_bytes += size_bytes - self._held_bytes
        self._held_bytes = size_bytes
        if not size_bytes:
            self._received_bytes = 0

    def _release(self) -> None:
        """Count only the head of the request in progress, unless more was received: its share is unknown."""
        is_open = self.parser is not None
        if is_open and not (self.pipeline or self._is_in_head or self._is_in_body):
            self._received_bytes = self._head_bytes
            self._hold(self._head_bytes)

    def _feed(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest and not self._refusal and not self.transport.is_closing():
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
            self._refuse(_NO_PROXY)
            return
        lines = [b"%b: %b\r\n" % header for header in self.headers if header[0] != b"upgrade"]
        head = b"%b %b HTTP/%b\r\n%b\r\n" % (method, self.url, version.encode(), b"".join(lines))
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn's own
        self.parser.feed_data(head)

    def _look_at_time(self) -> None:
        now = self.loop.time()
        if self._due is not None and self._due <= now:
            self._end_overdue()
            return
        # Not later than a head that begins right now is due, whatever is waited for at the moment.
        due = min(self._due or now + HEAD_TIMEOUT_S, now + HEAD_TIMEOUT_S)
        self._look = self.loop.call_at(due, self._look_at_time)

    def _end_overdue(self) -> None:
        """With an answer, unless none was asked for."""
        if self.scope is None:
            self.transport.close()
        else:
            self._refuse(_TIMEOUT)

    def _refuse(self, refusal: _Refusal) -> None:
        """Answer the request that arrives with `refusal`, in its turn, and close."""
        if self._refusal:
            return
        self._due = None
        self.count_refusal(refusal.kind.replace("-", "_"))
        _log.warning("not a request", status=refusal.status, reason=refusal.kind)
        is_queued = self._is_in_body and bool(self.pipeline)
        if refusal is _TOO_MUCH:
            self.pipeline.clear()  # nothing of it has begun
            self._hold(0)
        elif is_queued:
            self.pipeline.popleft()  # it waits for those before it, and will never be whole
        is_behind = is_queued or (not self._is_in_body and self.cycle and not self.cycle.response_complete)
        if is_behind:
            self._refusal = refusal
            self.flow.pause_reading()
        elif self._is_in_body and self.cycle.response_started:
            self.transport.close()
        else:
            self._end(refusal)

    def _end(self, refusal: _Refusal) -> None:
        if not self.transport.is_closing():
            self.transport.write(refusal.response())
            self.transport.close()


def bounded(max_bytes: int, count_refusal: Callable[[str], None]) -> type[BoundedHttpProtocol]:
    """The protocol of one server, for uvicorn, which makes an instance of a class for each connection.

    `max_bytes` bounds what requests without an answer hold in memory, over all connections;
    `count_refusal` gets the reason of each refusal.
    """
    members = {"memory": ReceiveMemory(max_bytes), "count_refusal": staticmethod(count_refusal)}
    return type("ServerProtocol", (BoundedHttpProtocol,), members)
