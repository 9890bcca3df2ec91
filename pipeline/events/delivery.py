"""One arrival of an event at a service, by one way, with what travelled beside it."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from pipeline.core.clock import plausible
from pipeline.core.ways import Via
from pipeline.events import kafka_binary
from pipeline.events.event import Event, parse, parse_accepted
from pipeline.events.metadata import Metadata

Headers = Sequence[tuple[str, bytes | None]]
"""A record's, as pipeline.clients.kafka_records.Record has them."""


class Attribute(msgspec.Struct, frozen=True, omit_defaults=True, rename={"binary": "value_base64"}):
    """An SQS message attribute: `value` is that of String and Number, `binary` that of Binary."""

    data_type: str
    value: str | None = None
    binary: bytes | None = None


class Arrival(msgspec.Struct, frozen=True, gc=False):
    """Bytes as they came in, before anything is known of them.

    `origin` is `{"queue", "message_id"}` or `{"topic", "partition", "offset"}`, and `healed_at` where it was pending;
    `first_seen` is RFC 3339; `attempts` counts from 1. `key`, `headers` and `timestamp_ms` are a record's,
    `attributes` a message's. `reply_to` is the address of a sender that waits (pipeline/events/receipts.py).
    `damage` says why a record could not be decoded; `body` is its whole batch then.
    """

    body: bytes
    via: Via
    origin: dict[str, Any]
    first_seen: str
    attempts: int = 1
    metadata: Metadata = Metadata()
    reply_to: str | None = None
    key: bytes | None = None
    headers: Headers | None = None
    timestamp_ms: int | None = None
    is_null: bool = False
    attributes: Mapping[str, Attribute] | None = None
    damage: str | None = None

    def event(self) -> Event:
        """The event in it, in whichever mode it came. Raises MalformedEvent and InvalidEvent."""
        # With a gateway's stamp it was accepted, if by an earlier version, and has to be stored.
        return event_of(self.body, self.headers or (), parse_accepted if self.metadata.received_at else parse)


def healing(healed_at: str | None) -> dict[str, Any]:
    """What `origin` has of an event that was pending: when the pipeline published it to the broker that was out."""
    moment = plausible(healed_at) if healed_at else None
    return {"healed_at": moment} if moment else {}


def event_of(body: bytes, headers: Headers, structured: Callable[[bytes], Event] = parse) -> Event:
    """The event of a record, or of a message, which has no headers. Raises MalformedEvent and InvalidEvent."""
    return kafka_binary.read(body, headers) if kafka_binary.is_meant(headers) else structured(body)


class Delivery(msgspec.Struct, frozen=True, gc=False):
    """A valid event that arrived."""

    event: Event
    arrival: Arrival
    received_at: str = ""
    """When the gateway took it, or, where no stamp of a gateway says so, when it was first seen."""

    def __post_init__(self) -> None:
        stamp = self.arrival.metadata.received_at
        received_at = (stamp and plausible(stamp)) or self.arrival.first_seen
        msgspec.structs.force_setattr(self, "received_at", received_at)
