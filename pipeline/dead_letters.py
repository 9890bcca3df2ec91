"""The envelope of what can never be stored, and a dead letter as it is found."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, Literal, Protocol

import msgspec

from pipeline.delivery import Arrival, Attribute, event_of
from pipeline.errors import InvalidEvent, MalformedEvent, MessageRefused, Rejected
from pipeline.event import Event, parse_accepted
from pipeline.metadata import Metadata
from pipeline.outlets import Outgoing, OutgoingRecord
from pipeline.table import Way

Place = Literal["b", "c", "kafka"]
"""Where dead letters lie: by queue b, by queue c, and in the Kafka dead-letter topic."""

MAX_RECEIVES = "max_receives"
"""The reason of what SQS moved by itself, without an envelope."""
UNREADABLE = "unreadable"
"""The reason of a record in the dead-letter topic that is no envelope."""


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
    via: Way
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
    """The same letter with `members` left out, of "body", "key" and "headers": it says where the original is."""
    empty: dict[str, Any] = {"body": {"body_base64": b""}, "headers": {"headers": []}}
    empty["key"] = {"key": None, "key_base64": None}
    changes = {name: value for member in members for name, value in empty[member].items()}
    return msgspec.structs.replace(envelope, omitted=members, **changes)


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


@dataclass(frozen=True)
class DeadLetter:
    """One dead letter where it lies.

    `key` names it among all of them, as `b:MESSAGE-ID` or `kafka:PARTITION:OFFSET`.
    """

    place: Place
    key: str
    envelope: Envelope

    @property
    def body(self) -> bytes:
        """The original bytes."""
        return self.envelope.body_base64

    @cached_property
    def event(self) -> Event | None:
        """The event in it, None where it is none."""
        try:
            return event_of(self.body, [each.pair() for each in self.envelope.headers or ()], parse_accepted)
        except (MalformedEvent, InvalidEvent):
            return None

    def outgoing(self) -> Outgoing:
        """What is sent to give its service the same record or message once more.

        An envelope of an earlier version does not say what surrounded it: its event is sent, at the same place
        in time. Raises MessageRefused where the letter does not hold the original.
        """
        kept = self.envelope
        if kept.omitted or kept.reason == UNDECODABLE:
            lacking = f"without its {' and '.join(kept.omitted)}" if kept.omitted else "as a batch of the log"
            raise MessageRefused(f"the letter has it {lacking}: the original is at {kept.origin}")
        if kept.headers is not None:
            headers = [header.pair() for header in kept.headers]
            record = OutgoingRecord(kept.key_bytes, headers, kept.timestamp_ms, kept.body_is_null)
            return Outgoing(self.body, {}, partition=kept.origin.get("partition", 0), record=record)
        if kept.attributes is not None:
            return Outgoing(self.body, kept.attributes)
        return Outgoing(
            self.body,
            msgspec.structs.replace(kept.metadata, received_at=kept.received_at or kept.first_seen).known(),
            self.event.partition_key if self.event else None,
            kept.origin.get("partition", 0),
        )


class Reading(Protocol):
    """The dead letters of one place, for as long as the block lasts that it was entered for."""

    place: Place
    elsewhere: int
    """After `letters`, about how many it could not see: another reader had them, or they came meanwhile."""

    def letters(self) -> AsyncIterator[DeadLetter]:
        """Each that was there when this was called, once. Raises QueueUnavailable."""
        ...

    async def send_again(self, letter: DeadLetter) -> None:
        """Send it to where it came from; it stays here. Raises QueueUnavailable and MessageRefused."""
        ...

    async def remove(self, letters: Sequence[DeadLetter], why: str) -> None:
        """Remove `letters` of this reading for good. Raises QueueUnavailable."""
        ...
