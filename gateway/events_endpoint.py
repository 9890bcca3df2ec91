"""`POST /events` as a plain ASGI function in front of the Quart app, which costs five times as much a request."""

import time
from collections.abc import Callable
from functools import partial
from typing import cast

import structlog
from hypercorn.typing import ASGIFramework, ASGIReceiveCallable, ASGISendCallable, HTTPScope, Scope

from gateway import answers
from gateway.acceptance import Acceptor, Request
from gateway.admission import Reservation
from gateway.errors import TooLarge
from gateway.inbound import ClientGone, Headers, disconnected, first
from pipeline.core import faults
from pipeline.events.event import MAX_EVENT_BYTES
from pipeline.serving.http_protocol import RELEASE
from pipeline.telemetry.metrics import GatewayMetrics

PATH = "/events"
MAX_REQUEST_BYTES = 1024 * 1024
"""Of a body: an event has its own limit, this is a batch's."""

_log = structlog.get_logger(__name__)


class EventsEndpoint:
    """Answers PATH itself and leaves every other address to `app`."""

    def __init__(self, app: ASGIFramework, acceptor: Acceptor, metrics: GatewayMetrics) -> None:
        self._app = app
        self._acceptor = acceptor
        self._metrics = metrics
        answered = [("POST", status) for status in (201, 202, 400, 401, 403, 413, 415, 422, 429, 500, 503)]
        self._seconds = {
            (method, status): metrics.request_seconds.labels(method, PATH, str(status))
            for method, status in (*answered, ("_OTHER", 405))
        }

    async def __call__(self, scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        """An ASGI application."""
        if scope["type"] != "http" or scope["path"] != PATH:
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        is_post = scope["method"] == "POST"
        try:
            answer = await self._acceptor.accept(_request(scope, receive)) if is_post else answers.wrong_method()
        except ClientGone:
            return
        if answer.reason is not None:
            self._metrics.count_rejected(answer.reason, answer.events)
            _log.warning("refused", status=answer.status, reason=answer.reason, **answer.logged)
        await answers.send_answer(answer, send)
        method = "POST" if is_post else "_OTHER"
        self._seconds[method, answer.status].observe(time.perf_counter() - started - answer.waited_s)


def _request(scope: HTTPScope, receive: ASGIReceiveCallable) -> Request:
    headers = cast(Headers, scope["headers"])
    release = (scope.get("extensions") or {}).get(RELEASE, {}).get("release", _nothing)
    reading, leaving = partial(_body, headers, receive), partial(disconnected, receive)
    return Request(headers, reading, leaving, cast(Callable[[], None], release))


def _nothing() -> None:
    """For a server that counts no bytes."""


async def _body(headers: Headers, receive: ASGIReceiveCallable, reservation: Reservation) -> bytes:
    """The whole body; the server's protocol ends what takes too long. Raises TooLarge, Overloaded and ClientGone."""
    length = first(headers, b"content-length")
    if length and int(length) > MAX_REQUEST_BYTES:
        raise _endless()
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise ClientGone
        chunk = message["body"]
        reservation.grow(size_bytes=len(chunk))
        if len(body) + len(chunk) > MAX_REQUEST_BYTES:
            raise _endless()
        if not message["more_body"]:
            return bytes(body + chunk) if body else chunk
        body += chunk  # one buffer: each of a million small pieces would be an object


def _endless() -> TooLarge:
    # The server reads what is left and throws it away, for a while: who has a connection closed on
    # unread bytes may never see the answer.
    return TooLarge(faults.REQUEST_TOO_LARGE(most=MAX_REQUEST_BYTES, most_event=MAX_EVENT_BYTES))
