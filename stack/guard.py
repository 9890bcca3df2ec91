"""Keeps web pages and other users away from the emulator, which checks no credentials and runs code as its user."""

import hmac
import json
import re
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from pipeline.serving.origins import host_name, is_foreign, is_loopback

QUERY_PATH = "/_aws/execute-api/mensageria/"
QUERY_METHODS = ("GET", "HEAD", "OPTIONS")
READY_PATH = "/_ministack/ready"

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


@dataclass(frozen=True)
class Refusal:
    """A status, and what to do instead."""

    status: int
    detail: str
    allow: str = ""
    """The methods that are answered there, of a 405 (RFC 9110, section 15.5.6)."""


_FOREIGN_HOST = Refusal(421, "this server answers to this machine's own names alone: ask 127.0.0.1 or localhost")
_FOREIGN_SITE = Refusal(403, "this server answers programs, not the pages of other sites")
_NO_KEY = Refusal(403, "sign requests with this system's access_key: its endpoints.json has it")
_NOT_PUBLISHED = Refusal(404, f"this port has the query alone, below {QUERY_PATH}")
_READ_ONLY = Refusal(405, f"the query answers {', '.join(QUERY_METHODS)}", ", ".join(QUERY_METHODS))


_SIGNED_BY = re.compile(r"AWS4-HMAC-SHA256 .*?Credential=([^/,\s]+)/")
"""The access key of a signed request (AWS Signature Version 4, the Authorization header)."""


class Guard:
    """An ASGI application that refuses what a foreign page may have sent, and gives the rest to `app`.

    `names` are this server's besides localhost and loopback addresses. The pages of `web_origin` may
    ask the query. On `query_port`, where there is one, nothing but the query is answered. With an
    `access_key` all but the query asks for it. It is compared as a password is, and the signature is not
    checked: what keeps others out is that only the owner can read the key.
    """

    def __init__(
        self,
        app: App,
        *,
        names: Iterable[str] = (),
        web_origin: str = "",
        query_port: int | None = None,
        access_key: str = "",
    ):
        self._app = app
        self._names = frozenset(names)
        self._web_origin = web_origin
        self._query_port = query_port
        self._access_key = access_key.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """An ASGI application."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
        elif refusal := self.refusal(scope):
            await _refuse(refusal, send)
        else:
            await self._app(scope, receive, send)

    def refusal(self, scope: Scope) -> Refusal | None:
        """Why the request is refused, if it is."""
        headers = _headers(scope["headers"])
        is_query_alone = self._query_port is not None and scope["server"][1] == self._query_port
        if headers is None or not self._is_own(headers.get("host", ""), is_query_alone=is_query_alone):
            return _FOREIGN_HOST
        is_of_query = scope["path"].startswith(QUERY_PATH)
        is_query = is_of_query and scope["method"] in QUERY_METHODS
        is_web = bool(self._web_origin) and headers.get("origin") == self._web_origin
        if is_foreign(headers) and not (is_query and is_web):
            return _FOREIGN_SITE
        if is_query_alone and not is_query:
            return _READ_ONLY if is_of_query else _NOT_PUBLISHED
        is_open = is_query or scope["path"] == READY_PATH
        if is_open or self._has_key(headers):
            return None
        return _READ_ONLY if is_of_query else _NO_KEY

    def _has_key(self, headers: dict[str, str]) -> bool:
        signed_by = _SIGNED_BY.match(headers.get("authorization", ""))
        return not self._access_key or (
            signed_by is not None and hmac.compare_digest(signed_by[1].encode(), self._access_key)
        )

    def _is_own(self, host: str, *, is_query_alone: bool) -> bool:
        name = host_name(host)
        # The emulator reads buckets and functions from names below its own; to the query there is one way.
        return is_loopback(name) or (not is_query_alone and (name in self._names or name.endswith(".localhost")))


def _headers(fields: Iterable[tuple[bytes, bytes]]) -> dict[str, str] | None:
    """The fields by name; None where one that the guard reads is there twice."""
    found: dict[str, str] = {}
    for name, value in fields:
        text = name.decode("latin-1").lower()
        if text in found and text in ("host", "origin", "sec-fetch-site", "authorization"):
            return None
        found[text] = value.decode("latin-1")
    return found


async def _refuse(refusal: Refusal, send: Send) -> None:
    title = HTTPStatus(refusal.status).phrase
    problem = {"type": "about:blank", "title": title, "status": refusal.status, "detail": refusal.detail}
    body = json.dumps(problem).encode()
    # The body of the request is not read: the connection ends.
    headers = [
        (b"content-type", b"application/problem+json"),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),
        *([(b"allow", refusal.allow.encode())] if refusal.allow else []),
    ]
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
