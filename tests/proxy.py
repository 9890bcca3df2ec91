"""What stands between a gateway and its legs, and breaks as a test wants it to."""

import asyncio
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Literal
from urllib.parse import parse_qsl, urlencode

import httpx
from aiohttp import web

Fault = Literal["refused", "silent", "slow", "error", "partial", "lost"]
SLOW_S = 2.0


class KafkaProxy:
    """Passes Kafka's frames on, with its own address in place of the broker's.

    `refused` closes the door and every connection, `silent` keeps the answers back, `slow` lets
    each come 2 s late, `lost` closes the connection in place of an answer.
    """

    def __init__(self, broker: str) -> None:
        self._host, _, port = broker.partition(":")
        self._broker_port = int(port)
        self.port = 0
        self.fault: Fault | None = None
        self._changed = asyncio.Event()
        self._writers: set[asyncio.StreamWriter] = set()

    def break_as(self, fault: Fault | None) -> None:
        """From now on."""
        self.fault = fault
        self._changed.set()
        self._changed = asyncio.Event()
        if fault == "refused":
            for writer in self._writers:
                writer.close()

    @asynccontextmanager
    async def serving(self) -> AsyncIterator["KafkaProxy"]:
        """On a free port."""
        async with await asyncio.start_server(self._connected, "127.0.0.1", 0) as server:
            self.port = server.sockets[0].getsockname()[1]
            yield self
            self.break_as("refused")

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.fault == "refused":
            writer.close()
            return
        far_reader, far_writer = await asyncio.open_connection(self._host, self._broker_port)
        self._writers |= {writer, far_writer}
        try:
            await asyncio.gather(_pump(reader, far_writer, _as_it_is), _pump(far_reader, writer, self._answer))
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # one end is gone: so is the other
        finally:
            self._writers -= {writer, far_writer}
            writer.close()
            far_writer.close()

    async def _answer(self, frame: bytes) -> bytes:
        if self.fault == "slow":
            await asyncio.sleep(SLOW_S)
        while self.fault == "silent":
            await self._changed.wait()
        if self.fault == "lost":
            raise ConnectionResetError
        mine, real = (struct.pack(">i", port) for port in (self.port, self._broker_port))
        address = self._host.encode()
        return frame.replace(address + real, address + mine)


class SnsProxy:
    """Passes SNS' calls on.

    `refused` closes the connection, `silent` never answers, `slow` answers 2 s later, `error` answers
    500, `partial` fails every second entry of a batch, `lost` publishes and gives no answer.
    """

    def __init__(self, endpoint: str) -> None:
        self._endpoint = endpoint
        self.fault: Fault | None = None
        self.url = ""
        self._http = httpx.AsyncClient()
        self._changed = asyncio.Event()

    def break_as(self, fault: Fault | None) -> None:
        """From now on."""
        self.fault = fault
        self._changed.set()
        self._changed = asyncio.Event()

    @asynccontextmanager
    async def serving(self) -> AsyncIterator["SnsProxy"]:
        """On a free port."""
        app = web.Application(client_max_size=4 * 1024 * 1024)
        app.router.add_post("/{path:.*}", self._call)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        async with self._http:
            try:
                yield self
            finally:
                self.break_as(None)
                await runner.cleanup()

    async def _call(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        if self.fault == "error":
            xml = "<ErrorResponse><Error><Code>InternalError</Code></Error></ErrorResponse>"
            return web.Response(status=500, text=xml, content_type="text/xml")
        if self.fault == "slow":
            await asyncio.sleep(SLOW_S)
        while self.fault == "silent":
            await self._changed.wait()
        failed: list[str] = []
        if self.fault == "partial":
            body, failed = _without_every_second(body)
        if self.fault == "refused":
            return await _hung_up(request)
        headers = {name: value for name, value in request.headers.items() if name.lower() != "host"}
        headers.pop("Content-Length", None)
        answer = await self._http.post(self._endpoint + request.path_qs, content=body, headers=headers)
        if self.fault == "lost":
            return await _hung_up(request)
        xml = answer.text.replace("<Failed/>", "").replace("<Failed></Failed>", "").replace("<Failed />", "")
        members = "".join(f"<member><Id>{id_}</Id><Code>InternalError</Code></member>" for id_ in failed)
        xml = xml.replace("</PublishBatchResult>", f"<Failed>{members}</Failed></PublishBatchResult>")
        return web.Response(status=answer.status_code, text=xml, content_type="text/xml")


async def _hung_up(request: web.Request) -> web.StreamResponse:
    assert request.transport
    request.transport.abort()
    return web.Response()


def _without_every_second(body: bytes) -> tuple[bytes, list[str]]:
    """The form without the entries whose number is even, and the ids of those."""
    pairs = parse_qsl(body.decode(), keep_blank_values=True)
    prefix = "PublishBatchRequestEntries.member."
    even = [
        (name, value)
        for name, value in pairs
        if name.startswith(prefix) and int(name.removeprefix(prefix).partition(".")[0]) % 2 == 0
    ]
    failed = [value for name, value in even if name.endswith(".Id")]
    return urlencode([pair for pair in pairs if pair not in even]).encode(), failed


async def _as_it_is(frame: bytes) -> bytes:
    return frame


async def _pump(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, changed: Callable[[bytes], Awaitable[bytes]]
) -> None:
    """Pass frames on, each with its length in four bytes before it, until an end is reached."""
    while True:
        length = await reader.readexactly(4)
        frame = await changed(await reader.readexactly(struct.unpack(">i", length)[0]))
        writer.write(length + frame)
        await writer.drain()
