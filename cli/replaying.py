"""Sending stored events to a consumer again: what it lacks (repair), or what is asked for (replay)."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from cli.differences import Difference
from cli.store_comparison import Walk
from cli.stored_copies import Found
from operations.dead_letters import Place
from operations.resending import Resend, Resender
from pipeline.core.errors import InvalidEvent, MalformedEvent, MensageriaError, MessageRefused
from pipeline.core.identity import Identity
from pipeline.core.pace import Pace
from pipeline.events.event import parse_accepted


class Unsendable(MensageriaError):
    """The event can't be sent as it was: PostgreSQL alone has it and writes another content, or SQS refuses it."""


@dataclass(frozen=True, kw_only=True)
class Filter:
    """Which events are meant: those that every condition holds for; None holds for all."""

    type: str | None = None
    source: str | None = None
    subject: str | None = None

    def holds(self, found: Found) -> bool:
        """Whether the event that `found` is a copy of is meant."""
        return (
            self.type in (None, found.type)
            and self.source in (None, found.copy.source)
            and self.subject in (None, found.subject)
        )


def outgoing(copies: Sequence[Found]) -> Resend:
    """The event's first content, to be sent to where it was in time. Raises Unsendable.

    DynamoDB keeps the bytes that were sent; PostgreSQL keeps what they mean. Where only
    PostgreSQL has them, its writing goes, if it comes to the same content.
    """
    first = copies[0]
    same = [each for each in copies if each.copy.content_hash == first.copy.content_hash]
    best = next((each for each in same if each.copy.via is not None), first)
    carried = msgspec.structs.replace(best.metadata, received_at=first.copy.received_at).known()
    try:
        event = parse_accepted(best.body)
    except (MalformedEvent, InvalidEvent) as error:
        raise Unsendable(f"{_named(first.copy.identity)}: {error}") from error
    if event.content_hash().hex() != first.copy.content_hash:
        raise Unsendable(f"{_named(first.copy.identity)}: PostgreSQL writes one of its numbers differently")
    return Resend(best.body, carried, event.partition_key)


async def repair(difference: Difference, resenders: Mapping[Place, Resender]) -> None:
    """Send what is missing to whom it is missing at. Raises QueueUnavailable and Unsendable."""
    for place in difference.missing:
        await _send(difference.copies, resenders[place])


async def replayable(walk: Walk, wanted: Filter) -> AsyncGenerator[Sequence[Found], None]:
    """The copies of each event that is meant: what `replay` would send. Raises StoreUnavailable."""
    async for copies in walk.events(lambda _: True):
        if wanted.holds(copies[0]):
            yield copies


async def replay(
    walk: Walk, wanted: Filter, resender: Resender, *, per_second: float
) -> AsyncGenerator[Identity | Unsendable, None]:
    """Send each event that is meant, and give its identity once that is done, or why it can't be.

    Raises StoreUnavailable and QueueUnavailable.
    """
    pace = Pace(per_second)
    async for copies in replayable(walk, wanted):
        await pace.step()
        try:
            await _send(copies, resender)
        except Unsendable as error:
            yield error
        else:
            yield copies[0].copy.identity


async def _send(copies: Sequence[Found], resender: Resender) -> None:
    try:
        await resender.send(outgoing(copies))
    except MessageRefused as error:
        raise Unsendable(f"{_named(copies[0].copy.identity)}: {error}") from error


def _named(identity: Identity) -> str:
    source, id_ = identity
    return f"source {source!r}, id {id_!r}"
