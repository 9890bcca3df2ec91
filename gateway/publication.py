"""An event on its way out, with what travels beside it."""

import msgspec

from gateway.errors import TooLarge
from pipeline.clients import sqs_text
from pipeline.core import faults
from pipeline.events.event import MAX_EVENT_BYTES, Event
from pipeline.events.metadata import Metadata
from pipeline.events.receipts import REPLY_TO

_TYPE_BYTES = len("String")

PENDING = ("pending", "kafka")
"""The attribute that the pending queue's filter policy asks for (infra/template.yaml)."""

_PENDING_BYTES = sum(map(len, PENDING)) + _TYPE_BYTES


class Publication(msgspec.Struct, frozen=True, gc=False):
    """What both legs send for an event, and the bytes that SNS counts for it.

    `key` is the Kafka key. `metadata` is at most 10 names: AWS drops a raw message with more
    attributes. The parsed event is let go: it is many times the size of its bytes.
    """

    id: str
    source: str
    type: str
    key: bytes
    body: bytes
    metadata: tuple[tuple[str, str], ...]
    traceparent: str
    received_at: str
    size_bytes: int
    is_ordered: bool = False
    """Whether the sender gave a `partitionkey`: its order is lost where Kafka gets it later than the next one."""


def of(event: Event, received_at: str, traceparent: str, publisher: str | None = None) -> Publication:
    """The publication of `event`.

    Raises TooLarge where the event and its metadata are over SNS' 262,144 bytes.
    """
    carried = Metadata(received_at, publisher, traceparent).known()
    metadata = (("type", event.type), ("source", event.source), ("id", event.id), *carried.items())
    content = sqs_text.size_bytes(event.body)
    size = content + sum([len(name) + _TYPE_BYTES + len(value.encode()) for name, value in metadata])
    if size > MAX_EVENT_BYTES:
        is_binary = event.content.get("data_base64") is not None
        kind = faults.BINARY_EVENT_TOO_LARGE if is_binary else faults.EVENT_TOO_LARGE
        raise TooLarge(kind(size=size, metadata=size - content, most=MAX_EVENT_BYTES))
    key = event.partition_key.encode()
    return Publication(
        event.id,
        event.source,
        event.type,
        key,
        event.body,
        metadata,
        traceparent,
        received_at,
        size,
        event.content.get("partitionkey") is not None,
    )


def can_be_marked(publication: Publication) -> bool:
    """Whether SNS takes it with the attribute `pending` too: an event of the largest size has no room for it."""
    return publication.size_bytes + _PENDING_BYTES <= MAX_EVENT_BYTES


def pending_in_kafka(publication: Publication) -> Publication:
    """The publication as SNS gets it while Kafka is out: its attribute `pending` leads a copy to the pending queue."""
    size = publication.size_bytes + _PENDING_BYTES
    return msgspec.structs.replace(publication, metadata=(*publication.metadata, PENDING), size_bytes=size)


def replying_to(address: str, publication: Publication) -> Publication | None:
    """The publication with the address that services B and C report to; None where that leaves it no room."""
    size = publication.size_bytes + len(REPLY_TO) + _TYPE_BYTES + len(address)
    metadata = (*publication.metadata, (REPLY_TO, address))
    asking = msgspec.structs.replace(publication, metadata=metadata, size_bytes=size)
    return asking if can_be_marked(asking) else None
