"""An event on its way out, with what travels beside it."""

from dataclasses import dataclass

from pipeline.errors import TooLarge
from pipeline.event import MAX_EVENT_BYTES, Event

_TYPE_BYTES = len("String")


@dataclass(frozen=True, slots=True)
class Publication:
    """An event, the metadata that both legs carry, and the bytes that SNS counts for it.

    `metadata` is at most 10 names: AWS drops a raw message with more attributes.
    """

    event: Event
    metadata: tuple[tuple[str, str], ...]
    size_bytes: int


def of(event: Event, received_at: str, traceparent: str) -> Publication:
    """The publication of `event`.

    Raises TooLarge where the event and its metadata are over SNS' 262,144 bytes.
    """
    metadata = (
        ("type", event.type),
        ("source", event.source),
        ("id", event.id),
        ("received_at", received_at),
        ("traceparent", traceparent),
    )
    size = len(event.body) + sum(len(name) + _TYPE_BYTES + len(value.encode()) for name, value in metadata)
    if size > MAX_EVENT_BYTES:
        raise TooLarge(
            f"the event has {size} bytes with the {size - len(event.body)} of its metadata: "
            f"the limit is {MAX_EVENT_BYTES}; keep large data elsewhere and send a reference"
        )
    return Publication(event, metadata, size)
