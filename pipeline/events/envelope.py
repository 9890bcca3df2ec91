"""The envelope of what can never be stored."""

import zlib
from functools import partial
from typing import Any

import msgspec

from pipeline.core.errors import Rejected
from pipeline.core.ways import Via
from pipeline.events.delivery import Arrival, Attribute
from pipeline.events.event import MAX_EVENT_BYTES
from pipeline.events.metadata import Metadata

ABOUT = "dead_letter"
"""The attribute of a message that is too large to stand in its envelope: what the envelope has besides."""
_MAX_UNPACKED_BYTES = 2**21
"""Of ABOUT where it is binary: the attributes of a message, at most 1 MiB, and an envelope without them."""
UNDECODABLE = "undecodable"
"""The reason of records that no client library can decode: the bytes are their whole batch, as the log has it."""


class Header(msgspec.Struct, frozen=True, omit_defaults=True):
    """A header of a record. What is no UTF-8 stands in base64; one with neither value is null."""

    name: str | None = None
    name_base64: bytes | None = None
    value: str | None = None
    value_base64: bytes | None = None

    @classmethod
    def of(cls, name: str, value: bytes | None) -> "Header":
        """The header of a record as it was read."""
        octets = name.encode(errors="surrogateescape")
        text, other = _text_or_octets(value)
        named = _text_or_octets(octets)
        return cls(named[0], named[1], text, other)

    def pair(self) -> tuple[str, bytes | None]:
        """As a record is written with it."""
        name = (self.name_base64 or b"").decode(errors="surrogateescape") if self.name is None else self.name
        return name, _octets(self.value, self.value_base64)


class Envelope(Metadata, frozen=True, kw_only=True):
    """Why an arrival can never be stored, where it came from, and its bytes (base64 in JSON).

    `key`, `headers` and `timestamp_ms` are a record's, `attributes` a message's; an envelope of an earlier
    version has none of them. `omitted` names the members that were too large for the place of the letter.
    """

    reason: str
    detail: str
    service: str
    via: Via
    origin: dict[str, Any]
    first_seen: str
    attempts: int
    key: str | None = None
    key_base64: bytes | None = None
    headers: list[Header] | None = None
    timestamp_ms: int | None = None
    body_is_null: bool = False
    attributes: dict[str, Attribute] | None = None
    omitted: tuple[str, ...] = ()
    body_base64: bytes

    @property
    def metadata(self) -> Metadata:
        """What the gateway said of the event."""
        return Metadata.of(partial(getattr, self))

    @property
    def key_bytes(self) -> bytes | None:
        """The record's key."""
        return _octets(self.key, self.key_base64)


def envelope(arrival: Arrival, rejected: Rejected, service: str) -> bytes:
    """The dead letter of `arrival` as JSON: why, where it came from, and its bytes in base64."""
    return msgspec.json.encode(enclosed(arrival, rejected, service))


def enclosed(arrival: Arrival, rejected: Rejected, service: str) -> Envelope:
    """The envelope of `arrival`."""
    key, key_octets = _text_or_octets(arrival.key)
    return Envelope(
        *msgspec.structs.astuple(arrival.metadata),
        reason=rejected.reason,
        detail=rejected.detail,
        service=service,
        via=arrival.via,
        origin=arrival.origin,
        first_seen=arrival.first_seen,
        attempts=arrival.attempts,
        key=key,
        key_base64=key_octets,
        headers=None if arrival.headers is None else [Header.of(*each) for each in arrival.headers],
        timestamp_ms=arrival.timestamp_ms,
        body_is_null=arrival.is_null,
        attributes=None if arrival.attributes is None else dict(arrival.attributes),
        body_base64=arrival.body,
    )


def without(envelope: Envelope, *members: str) -> Envelope:
    """The same letter without `members`, of "body", "key", "headers", "attributes": it says where the original is."""
    empty: dict[str, Any] = {"body": {"body_base64": b""}, "headers": {"headers": []}, "attributes": {"attributes": {}}}
    empty["key"] = {"key": None, "key_base64": None}
    changes = {name: value for member in members for name, value in empty[member].items()}
    return msgspec.structs.replace(envelope, omitted=members, **changes)


def too_large(body: bytes) -> Rejected | None:
    """Why `body` is refused for its size, before anything else of it is looked at."""
    if len(body) <= MAX_EVENT_BYTES:
        return None
    return Rejected("too_large", f"{len(body)} bytes; an event has at most {MAX_EVENT_BYTES}")


def without_message(envelope: Envelope) -> bytes:
    """The envelope as JSON without the message in it, for ABOUT beside the message's own attributes."""
    return msgspec.json.encode(msgspec.structs.replace(envelope, body_base64=b"", attributes=None))


def packed(envelope: Envelope) -> bytes:
    """The envelope without its body, in as few bytes as may be, for ABOUT in place of the message's attributes."""
    return zlib.compress(msgspec.msgpack.encode(msgspec.structs.replace(envelope, body_base64=b"")))


def around_message(arrival: Arrival) -> Envelope | None:
    """The envelope of a message that has ABOUT; None of any other."""
    attributes = dict(arrival.attributes or {})
    if not (about := attributes.pop(ABOUT, None)):
        return None
    if about.binary is not None:
        kept = None if attributes else _unpacked(about.binary)
        return kept and msgspec.structs.replace(kept, body_base64=arrival.body)
    kept = open_envelope((about.value or "").encode())
    return kept and msgspec.structs.replace(kept, body_base64=arrival.body, attributes=attributes)


def _unpacked(packed: bytes) -> Envelope | None:
    try:
        return msgspec.msgpack.decode(zlib.decompressobj().decompress(packed, _MAX_UNPACKED_BYTES), type=Envelope)
    except (zlib.error, msgspec.DecodeError, UnicodeDecodeError):
        return None  # somebody else's attribute


def _text_or_octets(octets: bytes | None) -> tuple[str | None, bytes | None]:
    try:
        return (None if octets is None else octets.decode()), None
    except UnicodeDecodeError:
        return None, octets


def _octets(text: str | None, octets: bytes | None) -> bytes | None:
    return octets if text is None else text.encode()


def open_envelope(text: bytes) -> Envelope | None:
    """The envelope in `text`; None where it is something else.

    No event can look like one: an attribute's name has no underscore.
    """
    try:
        return msgspec.json.decode(text, type=Envelope)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
