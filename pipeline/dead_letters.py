"""The envelope of what can never be stored, and a dead letter as it is found."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, Protocol

import msgspec

from pipeline.delivery import Arrival
from pipeline.errors import InvalidEvent, MalformedEvent, Rejected
from pipeline.event import Event, parse_accepted
from pipeline.outlets import Outgoing, beside
from pipeline.table import Way

Place = Literal["b", "c", "kafka"]
"""Where dead letters lie: by queue b, by queue c, and in the Kafka dead-letter topic."""

MAX_RECEIVES = "max_receives"
"""The reason of what SQS moved by itself, without an envelope."""
UNREADABLE = "unreadable"
"""The reason of a record in the dead-letter topic that is no envelope."""


class Envelope(msgspec.Struct, frozen=True, kw_only=True):
    """Why an arrival can never be stored, where it came from, and its bytes (base64 in JSON)."""

    reason: str
    detail: str
    service: str
    via: Way
    origin: dict[str, Any]
    first_seen: str
    attempts: int
    received_at: str | None = None
    publisher: str | None = None
    traceparent: str | None = None
    body_base64: bytes


def envelope(arrival: Arrival, rejected: Rejected, service: str) -> bytes:
    """The dead letter of `arrival` as JSON: why, where it came from, and its bytes in base64."""
    return msgspec.json.encode(enclosed(arrival, rejected, service))


def enclosed(arrival: Arrival, rejected: Rejected, service: str) -> Envelope:
    """The envelope of `arrival`."""
    return Envelope(
        reason=rejected.reason,
        detail=rejected.detail,
        service=service,
        via=arrival.via,
        origin=arrival.origin,
        first_seen=arrival.first_seen,
        attempts=arrival.attempts,
        received_at=arrival.received_at,
        publisher=arrival.publisher,
        traceparent=arrival.traceparent,
        body_base64=arrival.body,
    )


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
            return parse_accepted(self.body)
        except (MalformedEvent, InvalidEvent):
            return None

    def outgoing(self) -> Outgoing:
        """What is sent to give its service the event once more: at the same place in time as before."""
        kept = self.envelope
        return Outgoing(
            self.body,
            beside(kept.received_at or kept.first_seen, kept.publisher, kept.traceparent),
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
