"""`POST /events` as a plain ASGI function in front of the Quart app, which costs five times as much a request."""

import time
from functools import partial
from typing import cast

import structlog
from hypercorn.typing import ASGIFramework, ASGIReceiveCallable, ASGISendCallable, HTTPScope, Scope

from gateway import answers
from gateway.access import Access
from gateway.answers import Answer
from gateway.edge import Edge
from gateway.inbound import ClientGone, Inbound, first
from gateway.room import Place, Room
from pipeline import faults
from pipeline.errors import TooLarge
from pipeline.event import MAX_EVENT_BYTES
from pipeline.metrics import GatewayMetrics

PATH = "/events"
MAX_REQUEST_BYTES = 1024 * 1024
"""Of a body: an event has its own limit, this is a batch's."""

_log = structlog.get_logger(__name__)


class Front:
    """Answers PATH itself and leaves every other address to `app`."""

    def __init__(self, app: ASGIFramework, edge: Edge, access: Access, room: Room, metrics: GatewayMetrics) -> None:
        self._app = app
        self._edge = edge
        self._access = access
        self._room = room
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
            answer = await self._answer(scope, receive) if is_post else self._refused(answers.wrong_method(), None)
        except ClientGone:
            return
        await answers.send_answer(answer, send)
        method = "POST" if is_post else "_OTHER"
        self._seconds[method, answer.status].observe(time.perf_counter() - started - answer.waited_s)

    async def _answer(self, scope: HTTPScope, receive: ASGIReceiveCallable) -> Answer:
        headers = cast(list[tuple[bytes, bytes]], scope["headers"])
        publisher: str | None = None
        try:
            with Place(self._room) as place:
                publisher = self._access.publisher(first(headers, b"authorization"))
                body = await _body(headers, receive, place)
                place.grow(events=1)
                return await self._edge.accept(
                    Inbound(headers, body, publisher), place, partial(_disconnected, receive)
                )
        except ClientGone:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, the sender gets a problem and the log its trace
            answer = answers.of_error(error)
            if answer.status == 500:
                _log.exception("a request failed unexpectedly", publisher=publisher)
            return self._refused(answer, publisher)

    def _refused(self, answer: Answer, publisher: str | None) -> Answer:
        _log.warning("refused", status=answer.status, reason=answer.reason, publisher=publisher)
        self._metrics.rejected[str(answer.reason)].inc()
        return answer


async def _body(headers: list[tuple[bytes, bytes]], receive: ASGIReceiveCallable, place: Place) -> bytes:
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
        place.grow(size_bytes=len(chunk))
        if len(body) + len(chunk) > MAX_REQUEST_BYTES:
            raise _endless()
        if not message["more_body"]:
            return bytes(body + chunk) if body else chunk
        body += chunk  # one buffer: each of a million small pieces would be an object


async def _disconnected(receive: ASGIReceiveCallable) -> None:
    """Returns when the client has gone; call it once the body is whole."""
    while (await receive())["type"] != "http.disconnect":
        pass


def _endless() -> TooLarge:
    # The server reads what is left and throws it away, for a while: who has a connection closed on
    # unread bytes may never see the answer.
    return TooLarge(faults.REQUEST_TOO_LARGE(most=MAX_REQUEST_BYTES, most_event=MAX_EVENT_BYTES))
