"""The envelope of what can never be stored."""

import base64

import msgspec

from pipeline.delivery import Arrival
from pipeline.errors import Rejected


def envelope(arrival: Arrival, rejected: Rejected, service: str) -> bytes:
    """The dead letter of `arrival` as JSON: why, where it came from, and its bytes in base64."""
    return msgspec.json.encode(
        {
            "reason": rejected.reason,
            "detail": rejected.detail,
            "service": service,
            "via": arrival.via,
            "origin": arrival.origin,
            "first_seen": arrival.first_seen,
            "attempts": arrival.attempts,
            "received_at": arrival.received_at,
            "publisher": arrival.publisher,
            "traceparent": arrival.traceparent,
            "body_base64": base64.b64encode(arrival.body).decode(),
        }
    )
