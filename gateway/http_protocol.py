"""uvicorn's httptools protocol with the bound that it lacks: the head of a request."""

import asyncio
from typing import Any

import msgspec
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from pipeline import problems

MAX_HEAD_BYTES = 64 * 1024
"""Of a request line and headers: an event's attributes in ce-* headers fit well."""

HEAD_TIMEOUT_S = 10
"""Longest wait for a head that has begun, and for the first request of a connection."""


class BoundedHttpProtocol(HttpToolsProtocol):
    """Answers 431 to an endless head and closes a connection whose head doesn't come."""

    _head_deadline: asyncio.TimerHandle
    _head_bytes: int
    _is_in_head: bool

    def connection_made(self, transport: Any) -> None:
        """A connection: its first head has to come in time."""
        super().connection_made(transport)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone, and with it the wait."""
        self._head_deadline.cancel()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        """The first byte of a request."""
        super().on_message_begin()
        self._head_deadline.cancel()
        self._await_head()

    def on_headers_complete(self) -> None:
        """The head is there."""
        self._head_deadline.cancel()
        self._is_in_head = False
        super().on_headers_complete()

    def data_received(self, data: bytes) -> None:
        """A piece of at most 256 KiB, so the head is bounded by that and MAX_HEAD_BYTES."""
        super().data_received(data)
        if not self._is_in_head:
            return
        self._head_bytes += len(data)
        if self._head_bytes > MAX_HEAD_BYTES:
            self._refuse_head()

    def _await_head(self) -> None:
        self._is_in_head = True
        self._head_bytes = 0
        self._head_deadline = self.loop.call_later(HEAD_TIMEOUT_S, self.transport.close)

    def _refuse_head(self) -> None:
        body = problems.problem(431, "head-too-large", f"the headers are over {MAX_HEAD_BYTES} bytes")
        encoded = msgspec.json.encode(body)
        self.transport.write(
            b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
            b"content-type: application/problem+json\r\nconnection: close\r\n"
            b"content-length: %d\r\n\r\n%b" % (len(encoded), encoded)
        )
        self.transport.close()
