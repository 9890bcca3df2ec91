"""`GET /events/{id}/journey?source=`: an event's journey as server-sent events.

A plain ASGI function in front of the Quart app: the address is read undecoded, since an id may hold
a slash, and a stream lasts as long as its client stays.
"""

import asyncio
import time
from typing import Any, NamedTuple
from urllib.parse import unquote, unquote_to_bytes

import msgspec
from hypercorn.typing import ASGIFramework, ASGIReceiveCallable, ASGISendCallable, HTTPScope, Scope

from gateway import answers
from gateway.access import Access
from gateway.answers import Answer
from gateway.inbound import disconnected, first
from gateway.journeys import Journey, Journeys
from pipeline.core import faults as kinds
from pipeline.core.errors import InvalidParameters, KeyRevoked, MensageriaError, NoKey
from pipeline.core.faults import Defect
from pipeline.core.identity import CONTROL, Identity
from pipeline.events.attributes import MAX_IDENTITY_BYTES
from pipeline.telemetry.metrics import GatewayMetrics

ROUTE = "/events/{id}/journey"
HEARTBEAT_S = 15.0
"""A load balancer cuts what is silent for a minute (infra/services.yaml: idle_timeout)."""

_TICK_S = 1.0
"""A revoked key counts within a second, as for publishing."""

_HEAD, _TAIL = b"/events/", b"/journey"
_HEARTBEAT = b":\n\n"
_RETRY = b"retry: 2000\n\n"
_HEADERS = [(b"content-type", b"text/event-stream; charset=utf-8"), (b"cache-control", b"no-store")]


class JourneyStreams:
    """Answers journeys itself and leaves every other address to `app`."""

    def __init__(self, app: ASGIFramework, journeys: Journeys, access: Access, metrics: GatewayMetrics) -> None:
        self._app = app
        self._journeys = journeys
        self._access = access
        self._metrics = metrics
        answered = [("GET", status) for status in (200, 400, 401, 403, 429, 500, 503)]
        self._seconds = {
            (method, status): metrics.request_seconds.labels(method, ROUTE, str(status))
            for method, status in (*answered, ("_OTHER", 405))
        }

    async def __call__(self, scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        """An ASGI application."""
        if scope["type"] != "http" or not is_journey(_path(scope)):
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        stream = self._checked(scope)
        method = "_OTHER" if isinstance(stream, Answer) and stream.status == 405 else "GET"
        status = stream.status if isinstance(stream, Answer) else 200
        self._seconds[method, status].observe(time.perf_counter() - started)
        if isinstance(stream, Answer):
            self._metrics.count_rejected(str(stream.reason))
            await answers.send_answer(stream, send)
            return
        await send({"type": "http.response.start", "status": 200, "headers": _HEADERS, "trailers": False})
        if scope["method"] == "GET":
            await self._stream(stream, receive, send)
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    def _checked(self, scope: HTTPScope) -> "_Asked | Answer":
        """What is asked for, or why it is refused."""
        if scope["method"] not in ("GET", "HEAD"):
            return answers.wrong_method_of_journey()
        authorization = first(list(scope["headers"]), b"authorization")
        try:
            publisher = self._access.publisher(authorization)
            asked = _Asked(parse_identity(scope), authorization, publisher)
            if scope["method"] == "GET":
                self._admit(publisher)
        except MensageriaError as error:
            return answers.of_error(error)
        return asked

    def _admit(self, publisher: str | None) -> None:
        """Count a journey as an event of its key. Raises RateLimited and Overloaded."""
        self._access.require_rate(publisher)
        self._journeys.require_room(publisher)
        self._access.spend(publisher, 1)

    async def _stream(self, asked: "_Asked", receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        gone = asyncio.ensure_future(disconnected(receive))
        try:
            async with self._journeys.follow(asked.identity, asked.publisher) as journey:
                await _send(send, _RETRY)
                await self._send_until_ended(journey, asked, gone, send)
        finally:
            gone.cancel()

    async def _send_until_ended(
        self, journey: Journey, asked: "_Asked", gone: "asyncio.Future[None]", send: ASGISendCallable
    ) -> None:
        while True:
            await _send(send, _message("journey", journey.state()))
            if journey.ended:
                journey.outcome = journey.ended
                break
            if not await self._changed(journey, asked, gone, send):
                break
        if journey.outcome not in ("gone", "stopping"):
            await _send(send, _message("end", {"reason": journey.outcome}))

    async def _changed(
        self, journey: Journey, asked: "_Asked", gone: "asyncio.Future[None]", send: ASGISendCallable
    ) -> bool:
        """Whether there is something new; False where the stream is over. Comments keep it open meanwhile."""
        changed = asyncio.ensure_future(journey.changed())
        silent_since = time.monotonic()
        try:
            while True:
                await asyncio.wait((changed, gone), timeout=_TICK_S, return_when=asyncio.FIRST_COMPLETED)
                if gone.done():
                    return False
                if not self._may_follow(asked):
                    journey.outcome = "key_revoked"
                    return False
                if changed.done():
                    return True
                if time.monotonic() - silent_since >= HEARTBEAT_S:
                    await _send(send, _HEARTBEAT)
                    silent_since = time.monotonic()
        finally:
            changed.cancel()

    def _may_follow(self, asked: "_Asked") -> bool:
        try:
            self._access.publisher(asked.authorization)
        except (NoKey, KeyRevoked):
            return False
        return True


class _Asked(NamedTuple):
    identity: Identity
    authorization: str | None
    publisher: str | None


def is_journey(path: bytes) -> bool:
    """Whether `path`, undecoded, is that of a journey."""
    return path.startswith(_HEAD) and path.endswith(_TAIL) and len(path) >= len(_HEAD) + len(_TAIL)


def parse_identity(scope: HTTPScope) -> Identity:
    """Source and id of a journey's address. Raises InvalidParameters, which names what is wrong."""
    faults: dict[str, Defect] = {}
    named = {"id": _path(scope)[len(_HEAD) : -len(_TAIL)]}
    for name, value in _pairs(scope["query_string"]):
        if name != "source":
            faults[name] = kinds.UNKNOWN_PARAMETER(known="source")
        elif name in named:
            faults[name] = kinds.REPEATED_PARAMETER()
        else:
            named[name] = value
    if "source" not in named:
        faults["source"] = kinds.REQUIRED()
    parts = {name: unquote_to_bytes(value) for name, value in named.items()}
    faults |= {name: fault for name, part in parts.items() if (fault := _fault(part))}
    if faults:
        raise InvalidParameters(faults)
    return parts["source"].decode(), parts["id"].decode()


def _pairs(query: bytes) -> list[tuple[str, bytes]]:
    """Names, decoded, and values, not."""
    split = (pair.partition(b"=") for pair in query.replace(b"+", b" ").split(b"&") if pair)
    return [(unquote(name.decode("latin-1")), value) for name, _, value in split]


def _fault(part: bytes) -> Defect | None:
    """What is wrong with a part of an identity: the same as in an event."""
    try:
        text = part.decode()
    except UnicodeDecodeError:
        return kinds.NOT_UTF8()
    if not text:
        return kinds.EMPTY()
    if len(part) > MAX_IDENTITY_BYTES:
        return kinds.TOO_LONG(most=MAX_IDENTITY_BYTES)
    if found := CONTROL.search(text):
        return kinds.IMPOSSIBLE_CHARACTER(character=f"U+{ord(found[0]):04X}")
    return None


def _path(scope: HTTPScope) -> bytes:
    return scope["raw_path"]


def _message(name: str, data: Any) -> bytes:
    """A server-sent event; JSON has no line end outside its strings, and none in them."""
    return b"event: %b\ndata: %b\n\n" % (name.encode(), msgspec.json.encode(data))


async def _send(send: ASGISendCallable, body: bytes) -> None:
    await send({"type": "http.response.body", "body": body, "more_body": True})
