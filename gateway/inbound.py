"""One `POST /events` as it came, whatever server or framework received it."""

import msgspec

from pipeline.errors import MalformedEvent, UnsupportedMediaType

_SINGLE = (b"content-type", b"content-encoding", b"idempotency-key")


class Inbound(msgspec.Struct, frozen=True):
    """The headers as ASGI gives them (names in lower case), the whole body, and the name of the key."""

    headers: list[tuple[bytes, bytes]]
    body: bytes
    publisher: str | None = None

    def header(self, name: bytes) -> str | None:
        """The first value of the header `name`, or None where there is none."""
        return first(self.headers, name)

    def media_type(self) -> str:
        """The content type without its parameters, in lower case; "" where none was sent."""
        return (self.header(b"content-type") or "").partition(";")[0].strip().lower()

    def charset(self) -> str:
        """The content type's charset in lower case; `utf-8` where none was sent."""
        for parameter in (self.header(b"content-type") or "").split(";")[1:]:
            name, _, value = parameter.partition("=")
            if name.strip().lower() == "charset":
                return value.strip().strip('"').lower()
        return "utf-8"

    def require_utf8(self) -> None:
        """Raise UnsupportedMediaType where the content type declares another charset: JSON is UTF-8 (RFC 8259)."""
        if self.charset() not in ("utf-8", "utf8", "us-ascii"):
            raise UnsupportedMediaType(f"the charset {self.charset()!r} is not supported: send UTF-8")

    def require_single_values(self) -> None:
        """Raise MalformedEvent where a header that has one value stands there with two values."""
        values: dict[bytes, bytes] = {}
        for name, value in self.headers:
            if name in _SINGLE and values.setdefault(name, value) != value:
                raise MalformedEvent(f"the header {name.decode()} stands twice with different values: send one")

    def require_no_encoding(self) -> None:
        """Raise UnsupportedMediaType where the body is compressed."""
        if (coding := self.header(b"transfer-encoding") or "chunked").lower() != "chunked":
            raise UnsupportedMediaType(f"the transfer coding {coding!r} is not supported: send the body as it is")
        if (encoding := self.header(b"content-encoding") or "identity").lower() != "identity":
            raise UnsupportedMediaType(f"the content encoding {encoding!r} is not supported: send the body as it is")


def first(headers: list[tuple[bytes, bytes]], name: bytes) -> str | None:
    """The first value of the header `name` (in lower case), or None where there is none."""
    for key, value in headers:
        if key == name:
            return decoded(value)
    return None


def decoded(value: bytes) -> str:
    """A header's value as text: UTF-8 as people send it, else Latin-1, which takes every byte."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")
