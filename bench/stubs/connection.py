"""HTTP/1.1 for the stubs: a request in, an answer out, at once or later."""

import asyncio
from collections.abc import Callable
from typing import NamedTuple, cast

import httptools
import uvloop

HOST = "127.0.0.1"


class Request(NamedTuple):
    """What a stub looks at: the path, the header X-Amz-Target, the body."""

    path: bytes
    target: bytes
    body: bytes


class Answer(NamedTuple):
    """An answer."""

    status: int
    media_type: bytes
    content: bytes


Reply = Callable[[Answer], None]
Stub = Callable[[Request, Reply], None]
"""Takes a request and gives its answer to `Reply`, before it returns or later."""


class Connection(asyncio.Protocol):
    """One connection to `stub`."""

    def __init__(self, stub: Stub) -> None:
        self._stub = stub
        self._parser = httptools.HttpRequestParser(self)
        self._path = self._target = b""
        self._pieces: list[bytes] = []
        self._transport: asyncio.WriteTransport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A new connection."""
        self._transport = cast(asyncio.WriteTransport, transport)

    def data_received(self, data: bytes) -> None:
        """A piece of a request."""
        self._parser.feed_data(data)

    def on_url(self, url: bytes) -> None:
        """A request's first line."""
        self._path, self._target = url, b""

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header."""
        if name.lower() == b"x-amz-target":
            self._target = value

    def on_body(self, body: bytes) -> None:
        """A piece of a body."""
        self._pieces.append(body)

    def on_message_complete(self) -> None:
        """A whole request."""
        body, self._pieces = b"".join(self._pieces), []
        self._stub(Request(self._path, self._target, body), self._reply)

    def _reply(self, answer: Answer) -> None:
        if self._transport.is_closing():
            return
        head = b"HTTP/1.1 %d -\r\ncontent-type: %b\r\ncontent-length: %d\r\n\r\n"
        self._transport.write(head % (answer.status, answer.media_type, len(answer.content)) + answer.content)


def serve(stub: Stub, port: int) -> None:
    """Serve `stub` until the process is told to end."""

    async def forever() -> None:
        server = await asyncio.get_running_loop().create_server(lambda: Connection(stub), HOST, port)
        await server.serve_forever()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(forever())
