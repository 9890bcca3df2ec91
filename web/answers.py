"""Answers of the gateway and the query, typed. Times are in UTC."""

from datetime import datetime
from typing import Any

import msgspec


class Accepted(msgspec.Struct):
    """The gateway's 202; `legs` says of each broker whether it has the event, or another one holds it (`pending`)."""

    id: str
    source: str
    received_at: datetime
    legs: dict[str, str] = {}

    @property
    def pending(self) -> str:
        """The legs that are out, with commas between."""
        return ",".join(leg for leg, state in self.legs.items() if state == "pending")


class Schema(msgspec.Struct):
    """One entry of the gateway's list."""

    type: str


class Schemas(msgspec.Struct):
    """`GET /schemas` of the gateway."""

    schemas: list[Schema]


class Row(msgspec.Struct):
    """One event of the list."""

    source: str
    id: str
    type: str
    received_at: datetime
    stores: list[str]
    subject: str | None = None


class Arrival(msgspec.Struct):
    """One event of what was stored, or of a list that is counted."""

    source: str
    id: str
    received_at: datetime


class Arrivals(msgspec.Struct):
    """`GET /stored`, or a page of the list of which no more is wanted; `resume_from` is the store's time."""

    events: list[Arrival]
    resume_from: str = ""
    unavailable: list[str] = []


class Page(msgspec.Struct):
    """`GET /events`; `next` is a cursor."""

    events: list[Row]
    next: str | None = None
    partial: bool = False
    unavailable: list[str] = []


class Copy(msgspec.Struct):
    """An event as it came to a store by one way."""

    stored_at: datetime
    origin: dict[str, Any] = {}


class Copies(msgspec.Struct):
    """DynamoDB's, one a way."""

    sqs: Copy | None = None
    kafka: Copy | None = None


class Receipt(msgspec.Struct):
    """When and how an event came to each store."""

    received_at: datetime
    postgres: Copy | None = None
    dynamodb: Copies | None = None


class Record(msgspec.Struct):
    """`GET /event`; `event` stays undecoded, so that its numbers keep all their digits."""

    source: str
    id: str
    event: msgspec.Raw
    receipt: Receipt
    complete: bool
    conflict: bool = False
    partial: bool = False
    unavailable: list[str] = []
