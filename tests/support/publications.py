"""Publications as the gateway makes them."""

import json

from gateway import publication
from gateway.publication import Publication
from pipeline.events.event import parse

RECEIVED_AT = "2026-11-23T15:24:00.123456Z"
TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def make(id_: int, data_bytes: int = 1) -> Publication:
    """The publication of an event with that id."""
    event = {"specversion": "1.0", "id": str(id_), "source": "s", "type": "t", "data": "x" * data_bytes}
    return publication.of(parse(json.dumps(event).encode()), RECEIVED_AT, TRACEPARENT)
