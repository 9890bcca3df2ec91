"""uvicorn's HTTP protocol with an answer's head and body in one write.

uvicorn writes each by itself. The second system call, and what it wakes in the client, was nearly half of the
emulator's CPU for an event.
"""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from pipeline.serving.origins import absolute_target


class OneWrite(HttpToolsProtocol):
    """Gives uvicorn a transport that joins what it writes within one step of the event loop.

    The guard behind it looks at the Host header: an absolute target takes its place there (RFC 9112, section 3.2.2).
    """

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client has connected."""
        super().connection_made(_Joining(transport, self.loop))  # type: ignore[arg-type]

    def on_headers_complete(self) -> None:
        """The head of a request: the host of an absolute target counts, not that of the Host header."""
        if target := absolute_target(self.url):
            host, self.url = target
            self.headers[:] = [(name, host if name == b"host" else value) for name, value in self.headers]
        super().on_headers_complete()


class _Joining:
    """A transport that writes once for each step of the event loop."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._parts: list[bytes] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        if not self._parts:
            self._loop.call_soon(self._flush)
        self._parts.append(data)

    def close(self) -> None:
        self._flush()
        self._transport.close()

    def _flush(self) -> None:
        parts, self._parts = self._parts, []
        if parts and not self._transport.is_closing():
            self._transport.write(b"".join(parts))
