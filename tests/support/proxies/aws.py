"""A proxy of AWS' calls, in their JSON and their query protocol."""

import asyncio
import json
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Literal, Self, get_args
from urllib.parse import parse_qs

from aiohttp import ClientError, ClientSession, ClientTimeout, web

from tests.support.proxies.pace import Pace
from tests.support.proxies.partial import part
from tests.support.proxies.wire import DELAY_S, WireFault

AwsFault = Literal[WireFault, "error", "throttle", "credentials", "part"]
AWS_FAULTS: tuple[AwsFault, ...] = tuple(one for kind in get_args(AwsFault) for one in get_args(kind) or (kind,))
_NOT_PASSED_ON = ("host", "content-length", "transfer-encoding", "connection")
_REFUSALS = {
    "error": (500, "InternalFailure"),
    "throttle": (400, "ThrottlingException"),
    "credentials": (403, "InvalidClientTokenId"),
}


class AwsProxy:
    """Passes calls on to `endpoint`.

    `reset` closes the connection, `stall` doesn't answer, `delay` passes on 2 s later, `cut` carries
    the call out and closes the connection, `error` answers 500, `throttle` and `credentials` refuse as
    AWS does, `part` carries out about half of each batch. They strike a share of the calls.

    Beside the faults, a table can be slow, or throttle: `pace` and `capacity` are its items a second.
    """

    def __init__(self, endpoint: str, *, seed: int = 0) -> None:
        self._endpoint = endpoint
        self._random = random.Random(seed)
        self.port = 0
        self.fault: AwsFault | None = None
        self.pace, self.capacity = Pace(), Pace()
        self.written: Counter[str] = Counter()
        """How often each item was passed on to a table that is slow or throttles, by its keys."""
        self.struck = 0
        """How many calls the faults have hit."""
        self._share = 1.0
        self._changed = asyncio.Event()
        self._http: ClientSession

    @property
    def url(self) -> str:
        """The endpoint to give to a service."""
        return f"http://127.0.0.1:{self.port}"

    def break_as(self, fault: AwsFault | None, *, share: float = 1.0) -> None:
        """From now on, `share` of the calls."""
        self.fault, self._share = fault, share
        self._changed.set()
        self._changed = asyncio.Event()

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[Self]:
        """On a free port."""
        app = web.Application(client_max_size=32 * 1024**2)
        app.router.add_post("/{path:.*}", self._call)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.port = runner.addresses[0][1]
        async with ClientSession(timeout=ClientTimeout(total=None), auto_decompress=False) as self._http:
            try:
                yield self
            finally:
                self.break_as(None)
                await runner.cleanup()

    async def _call(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        if self.pace.is_slow or self.capacity.is_slow:
            return await self._slowly(request, body)
        if self.fault is None or self._random.random() >= self._share:
            return await self._pass_on(request, body)
        return await self._strike(request, body)

    async def _strike(self, request: web.Request, body: bytes) -> web.StreamResponse:
        self.struck += 1
        match self.fault:
            case "error" | "throttle" | "credentials" as refusal:
                return _refusal(request, *_REFUSALS[refusal])
            case "part":
                return await self._part(request, body)
            case "reset":
                return _hung_up(request)
            case "cut":
                await self._pass_on(request, body)
                return _hung_up(request)
            case "delay":
                await asyncio.sleep(DELAY_S)
            case "stall":
                await self._stall()
        return await self._pass_on(request, body)

    async def _slowly(self, request: web.Request, body: bytes) -> web.StreamResponse:
        one = part(_operation(request, body), body, self.capacity.affords)
        if one is None or "RequestItems" not in json.loads(body):
            return await self._pass_on(request, body)
        if one.body is None:
            return _refusal(request, 400, "ProvisionedThroughputExceededException")
        ((_, requests),) = json.loads(one.body)["RequestItems"].items()
        await self.pace.spend(len(requests))
        if request.transport is None or request.transport.is_closing():
            return web.Response()  # who asked has gone: a table that is slow has not yet begun
        answer = await self._pass_on(request, one.body)
        items = [each["PutRequest"]["Item"] for each in requests]
        self.written.update(item["identity"]["S"] + " " + item["copy"]["S"] for item in items)
        assert isinstance(answer.body, bytes)
        return web.Response(status=answer.status, body=one.answer(answer.body) if answer.status == 200 else answer.body)

    async def _stall(self) -> None:
        while self.fault == "stall":
            await self._changed.wait()

    async def _part(self, request: web.Request, body: bytes) -> web.StreamResponse:
        one = part(_operation(request, body), body, lambda: self._random.random() < 0.5)
        if one is None:
            return await self._pass_on(request, body)
        if one.body is None:
            return web.Response(body=one.answer(b""))
        answer = await self._pass_on(request, one.body)
        if isinstance(answer.body, bytes) and answer.status == 200:
            return web.Response(body=one.answer(answer.body))
        return answer

    async def _pass_on(self, request: web.Request, body: bytes) -> web.Response:
        headers = {name: value for name, value in request.headers.items() if name.lower() not in _NOT_PASSED_ON}
        try:
            async with self._http.post(self._endpoint + request.path_qs, data=body, headers=headers) as answer:
                kept = {"content-type": answer.headers.get("content-type", "")}
                return web.Response(status=answer.status, body=await answer.read(), headers=kept)
        except (ClientError, OSError):  # the server is away: so is this
            return _hung_up(request)


def _operation(request: web.Request, body: bytes) -> str:
    target = request.headers.get("x-amz-target")
    return target.rpartition(".")[2] if target else parse_qs(body.decode()).get("Action", [""])[0]


def _refusal(request: web.Request, status: int, code: str) -> web.Response:
    if "x-amz-target" in request.headers:
        return web.Response(status=status, body=json.dumps({"__type": code, "message": "no"}).encode())
    xml = f"<ErrorResponse><Error><Code>{code}</Code><Message>no</Message></Error></ErrorResponse>"
    return web.Response(status=status, text=xml, content_type="text/xml")


def _hung_up(request: web.Request) -> web.Response:
    if request.transport:
        request.transport.abort()
    return web.Response()
