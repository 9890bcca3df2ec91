"""What services B and C report of an event whose sender waits for it: a record of the topic of receipts."""

from typing import Any, Literal

import msgspec

from pipeline.core.table import Way

REPLY_TO = "reply_to"
"""The attribute, and the header, in which an event carries the address of who waits for it."""

MAX_REPLY_TO = 64
"""Characters of an address, which is a gateway's own: what is longer is none."""

Store = Literal["postgres", "dynamodb"]


class Report(msgspec.Struct, frozen=True, omit_defaults=True):
    """That `store` has the event that came by `via`, as the store has it; or that it became a dead letter.

    `dead_letter` is the letter's reason. `origin` is as GET /event has it.
    """

    reply_to: str
    source: str
    id: str
    store: Store
    via: Way
    received_at: str | None = None
    stored_at: str | None = None
    origin: dict[str, Any] = {}
    dead_letter: str | None = None


_reports = msgspec.json.Decoder(Report)


def encode(report: Report) -> bytes:
    """The record's value."""
    return msgspec.json.encode(report)


def decode(value: bytes | None) -> Report | None:
    """The report of a record's value; None where it is none."""
    try:
        return _reports.decode(value or b"")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
