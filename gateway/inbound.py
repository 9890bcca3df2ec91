"""One `POST /events` as it came, whatever server or framework received it."""

import re

import msgspec
from hypercorn.typing import ASGIReceiveCallable

from gateway.errors import UnsupportedCoding
from pipeline.core import faults
from pipeline.core.errors import MalformedEvent, UnsupportedMediaType
from pipeline.events import binary_mode

Headers = list[tuple[bytes, bytes]]
"""As ASGI gives them: names in lower case."""

_SINGLE = (b"content-type", b"idempotency-key")

_IDENTITY = re.compile(rb"[ \t,]*+(?:identity[ \t,]*+)*+\Z", re.IGNORECASE)


class ClientGone(Exception):
    """The client went away before its request was whole, or before it had its answer."""


class Inbound(msgspec.Struct, frozen=True):
    """The headers, the whole body, and the name of the key."""

    headers: Headers
    body: bytes
    publisher: str | None = None

    def header(self, name: bytes) -> str | None:
        """The first value of the header `name`, or None where there is none."""
        return first(self.headers, name)

    def media_type(self) -> str:
        """The content type without its parameters, in lower case; "" where none was sent."""
        return binary_mode.media_type(self.header(b"content-type") or "")

    def require_utf8(self) -> None:
        """Raise UnsupportedMediaType where the content type declares another charset: JSON is UTF-8 (RFC 8259)."""
        binary_mode.require_utf8(self.header(b"content-type") or "")

    def require_single_values(self) -> None:
        """Raise MalformedEvent where a header that has one value stands there with two values."""
        values: dict[bytes, bytes] = {}
        for name, value in self.headers:
            if name in _SINGLE and values.setdefault(name, value) != value:
                raise MalformedEvent(faults.REPEATED_HEADER(name=name.decode()))

    def require_no_encoding(self) -> None:
        """Raise UnsupportedMediaType where the body is compressed."""
        if (coding := self.header(b"transfer-encoding") or "chunked").lower() != "chunked":
            raise UnsupportedMediaType(f"the transfer coding {coding!r} is not supported: send the body as it is")
        for name, value in self.headers:
            if name == b"content-encoding" and not _IDENTITY.match(value):
                raise UnsupportedCoding(f"the content coding {decoded(value)!r} is not taken: send the body as it is")


async def disconnected(receive: ASGIReceiveCallable) -> None:
    """Returns when the client has gone; call it once the body is whole."""
    while (await receive())["type"] != "http.disconnect":
        pass


def first(headers: Headers, name: bytes) -> str | None:
    """The first value of the header `name` (in lower case), or None where there is none."""
    for key, value in headers:
        if key == name:
            return decoded(value)
    return None


def decoded(value: bytes) -> str:
    """A header's value as text: UTF-8 as people send it, else Latin-1, which takes every byte.

    Spaces and tabs around it are no part of it (RFC 9110, section 5.5).
    """
    value = value.strip(b" \t")
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")
