"""One arrival of an event at a service, by one way, with what travelled beside it."""

from typing import Any

import msgspec

from pipeline.clock import is_rfc3339
from pipeline.event import Event
from pipeline.table import Way


class Arrival(msgspec.Struct, frozen=True, gc=False):
    """Bytes as they came in, before anything is known of them.

    `origin` is `{"queue", "message_id"}` or `{"topic", "partition", "offset"}`;
    `first_seen` is RFC 3339; `attempts` counts from 1.
    """

    body: bytes
    via: Way
    origin: dict[str, Any]
    first_seen: str
    attempts: int = 1
    received_at: str | None = None
    publisher: str | None = None
    traceparent: str | None = None


class Delivery(msgspec.Struct, frozen=True, gc=False):
    """A valid event that arrived."""

    event: Event
    arrival: Arrival

    @property
    def received_at(self) -> str:
        """When the gateway took it, or, where no stamp of a gateway says so, when it was first seen."""
        stamp = self.arrival.received_at
        return stamp if stamp and is_rfc3339(stamp) else self.arrival.first_seen
