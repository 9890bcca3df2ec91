"""A dead letter as it is found, and a reading of those of one place."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import msgspec

from operations.resending import Resend, ResentRecord
from pipeline.core.errors import InvalidEvent, MalformedEvent, MessageRefused
from pipeline.core.ways import Key
from pipeline.events.delivery import event_of
from pipeline.events.envelope import UNDECODABLE, Envelope
from pipeline.events.event import Event, parse_accepted

Place = Key
"""Where dead letters lie: beside queue b, beside queue c, or in the Kafka dead-letter topic."""

MAX_RECEIVES = "max_receives"
"""The reason of what SQS moved by itself, without an envelope."""
UNREADABLE = "unreadable"
"""The reason of a record in the dead-letter topic that is no envelope."""


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

    def outgoing(self) -> Resend:
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
            record = ResentRecord(kept.key_bytes, headers, kept.timestamp_ms, kept.body_is_null)
            return Resend(self.body, {}, partition=self._partition, record=record)
        if kept.attributes is not None:
            return Resend(self.body, kept.attributes)
        return Resend(
            self.body,
            msgspec.structs.replace(kept.metadata, received_at=kept.received_at or kept.first_seen).known(),
            self.event.partition_key if self.event else None,
            self._partition,
        )

    @property
    def _partition(self) -> int:
        """That which it came from; 0 where an envelope that somebody else wrote has none."""
        found = self.envelope.origin.get("partition")
        return found if isinstance(found, int) else 0


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
