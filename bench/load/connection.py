"""One HTTP/1.1 connection with one request under way, on a raw protocol."""

import asyncio
import re
from collections.abc import Callable
from typing import cast

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_CLOSE = re.compile(rb"\r\nconnection: *close", re.IGNORECASE)
_END_OF_HEAD = b"\r\n\r\n"


class Connection(asyncio.Protocol):
    """Tells `ready` when it can take a request, `answered` with a status and the due time, `lost` when it ended.

    After `lost` the same object can be connected again.
    """

    def __init__(
        self,
        ready: Callable[["Connection"], None],
        answered: Callable[[int, float], None],
        lost: Callable[["Connection"], None],
    ) -> None:
        self._ready = ready
        self._answered = answered
        self._lost = lost
        self._transport: asyncio.WriteTransport
        self._received = b""
        self._due_at: float | None = None

    @property
    def is_waiting(self) -> bool:
        """Whether a request is under way."""
        return self._due_at is not None

    def send(self, request: bytes, due_at: float) -> None:
        """Write `request`, which was due at `due_at` (perf_counter)."""
        self._due_at = due_at
        self._transport.write(request)

    def close(self) -> None:
        """Close the connection."""
        self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A new connection: ready."""
        self._transport = cast(asyncio.WriteTransport, transport)
        self._received = b""
        self._ready(self)

    def data_received(self, data: bytes) -> None:
        """A piece of an answer."""
        self._received += data
        head_bytes = self._received.find(_END_OF_HEAD) + len(_END_OF_HEAD)
        if head_bytes < len(_END_OF_HEAD):
            return
        head = self._received[:head_bytes]
        if not (length := _LENGTH.search(head)):
            raise ValueError(f"an answer without Content-Length: {head!r}")
        if len(self._received) >= head_bytes + int(length[1]):
            self._take_answer(head)

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection ended; a request that is under way will have no answer."""
        self._lost(self)
        self._due_at = None

    def _take_answer(self, head: bytes) -> None:
        due_at, self._due_at, self._received = self._due_at, None, b""
        if due_at is None:
            raise ValueError(f"an answer without a request: {head!r}")
        self._answered(int(head[9:12]), due_at)
        if _CLOSE.search(head):
            self._transport.close()
        else:
            self._ready(self)
