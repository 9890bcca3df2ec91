"""Reports of services B and C about events that a gateway waits for or follows, and its requests to follow one.

A report is a record of the topic of receipts, a follow one of the topic of journeys.
"""

from typing import Any

import msgspec

from pipeline.core.ways import Store, Via

REPLY_TO = "reply_to"
"""The attribute, and the header, in which an event carries the address of who waits for it."""

MAX_REPLY_TO = 64
"""Characters of an address, which is a gateway's own: what is longer is none."""

_MAX_IDENTITY = 1024
"""Characters: the services keep those of thousands of events that are followed."""

FOLLOW_S = 45.0
"""How long a follow lasts."""

REPEAT_S = FOLLOW_S / 3
"""How often a gateway repeats one: a service that starts reads those of that time."""


class Report(msgspec.Struct, frozen=True, omit_defaults=True):
    """That `store` has the event that came by `via`, as the store has it; or that it became a dead letter.

    `dead_letter` is the letter's reason. `origin` is as GET /event has it.
    """

    reply_to: str
    source: str
    id: str
    store: Store
    via: Via
    received_at: str | None = None
    stored_at: str | None = None
    origin: dict[str, Any] = {}
    dead_letter: str | None = None


class Follow(msgspec.Struct, frozen=True):
    """That an event is to be reported to `reply_to`: what is stored of it now, and what will be within FOLLOW_S."""

    reply_to: str
    source: str
    id: str


_reports = msgspec.json.Decoder(Report)
_follows = msgspec.json.Decoder(Follow)


def encode(report: Report | Follow) -> bytes:
    """The record's value."""
    return msgspec.json.encode(report)


def decode(value: bytes | None) -> Report | None:
    """The report of a record's value; None where it is none."""
    try:
        return _reports.decode(value or b"")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def decode_follow(value: bytes | None) -> Follow | None:
    """The follow of a record's value; None where it is none."""
    try:
        follow = _follows.decode(value or b"")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    is_bounded = 0 < len(follow.reply_to) <= MAX_REPLY_TO and len(follow.source) + len(follow.id) <= _MAX_IDENTITY
    return follow if is_bounded else None
