"""What stands between a worker and a server, and makes the server fail."""

import asyncio
import json
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Literal
from urllib.parse import urlsplit

from aiohttp import ClientSession, web

Fault = Literal["none", "500", "throttle", "hang", "cut", "part"]
_BATCHES = ("DeleteMessageBatch", "ChangeMessageVisibilityBatch", "SendMessageBatch")


class TcpProxy:
    """Passes bytes on; `refuse` cuts every connection and takes no new ones, `hold` passes nothing on."""

    def __init__(self, host: str, port: int) -> None:
        self._target = host, port
        self._pipes: set[asyncio.Task[None]] = set()
        self._passes = asyncio.Event()
        self._passes.set()
        self._server: asyncio.Server | None = None
        self.port = 0

    async def accept(self) -> None:
        """Take connections, and pass on what comes."""
        self._passes.set()
        if self._server is None:
            self._server = await asyncio.start_server(self._connected, "127.0.0.1", self.port)
            self.port = self._server.sockets[0].getsockname()[1]

    async def refuse(self) -> None:
        """Be away."""
        if self._server:
            self._server.close()
            self._server = None
        for pipe in self._pipes:
            pipe.cancel()

    def hold(self) -> None:
        """Hang."""
        self._passes.clear()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there_reader, there_writer = await asyncio.open_connection(*self._target)
        except OSError:
            return writer.close()
        for source, sink in ((reader, there_writer), (there_reader, writer)):
            pipe = asyncio.create_task(self._pass_on(source, sink))
            self._pipes.add(pipe)
            pipe.add_done_callback(self._pipes.discard)
        return None

    async def _pass_on(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        try:
            while data := await source.read(65_536):
                await self._passes.wait()
                sink.write(data)
                await sink.drain()
        except OSError:
            return
        finally:
            sink.close()


@asynccontextmanager
async def tcp_proxy(url: str) -> AsyncIterator[tuple[TcpProxy, str]]:
    """A proxy before the server of `url`, and the URL that leads through it."""
    address = urlsplit(url)
    proxy = TcpProxy(address.hostname or "", address.port or 0)
    await proxy.accept()
    try:
        yield proxy, url.replace(f":{address.port}", f":{proxy.port}")
    finally:
        await proxy.refuse()


class AwsProxy:
    """Passes calls of SQS and DynamoDB on; `fault` says what is done to them, to a share of them."""

    def __init__(self, target: str, *, seed: int) -> None:
        self.fault: Fault = "none"
        self.share = 0.5
        self.faults = 0
        self._target = target
        self._random = random.Random(seed)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """One call."""
        content = await request.read()
        operation = request.headers["x-amz-target"].rpartition(".")[2]
        if self.fault == "none" or self._random.random() > self.share:
            return await self._pass_on(request, content)
        self.faults += 1
        match self.fault:
            case "500":
                return web.json_response({"__type": "InternalFailure"}, status=500)
            case "throttle":
                return web.json_response({"__type": "com.amazonaws#ThrottlingException", "message": "slow"}, status=400)
            case "hang":
                await asyncio.sleep(3600)
            case "cut":
                await self._pass_on(request, content)
                assert request.transport
                request.transport.abort()
            case "part":
                return await self._part(request, content, operation)
        return web.Response()

    async def _part(self, request: web.Request, content: bytes, operation: str) -> web.Response:
        call = json.loads(content)
        if operation in _BATCHES:
            kept, failed = self._halves(call["Entries"])
            answer = await self._json(request, call | {"Entries": kept}) if kept else {}
            failures = [{"Id": each["Id"], "SenderFault": False, "Code": "InternalError"} for each in failed]
            return web.json_response(answer | {"Failed": failures})
        if operation == "BatchWriteItem":
            ((table, requests),) = call["RequestItems"].items()
            kept, failed = self._halves(requests)
            answer = await self._json(request, {"RequestItems": {table: kept}}) if kept else {}
            return web.json_response(answer | {"UnprocessedItems": {table: failed} if failed else {}})
        return await self._pass_on(request, content)

    def _halves(self, entries: list[Any]) -> tuple[list[Any], list[Any]]:
        kept = [self._random.random() < 0.5 for _ in entries]
        chosen = list(zip(entries, kept, strict=True))
        return [entry for entry, is_kept in chosen if is_kept], [entry for entry, is_kept in chosen if not is_kept]

    async def _json(self, request: web.Request, call: dict[str, Any]) -> dict[str, Any]:
        answer = await self._pass_on(request, json.dumps(call).encode())
        assert isinstance(answer.body, bytes)
        told: dict[str, Any] = json.loads(answer.body or b"{}")
        return told

    async def _pass_on(self, request: web.Request, content: bytes) -> web.Response:
        wanted = ("x-amz-target", "x-amz-date", "authorization", "content-type")
        headers = {name: request.headers[name] for name in wanted}
        async with ClientSession() as session, session.post(self._target, data=content, headers=headers) as answer:
            return web.Response(
                status=answer.status, body=await answer.read(), headers={"content-type": answer.headers["content-type"]}
            )


@asynccontextmanager
async def aws_proxy(target: str, *, seed: int) -> AsyncIterator[tuple[AwsProxy, str]]:
    """A proxy before the endpoint `target`, and its own endpoint."""
    proxy = AwsProxy(target, seed=seed)
    app = web.Application(client_max_size=32 * 1024**2)
    app.router.add_post("/", proxy.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield proxy, f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
