"""Cursors: opaque, versioned, signed, and good for the list they came from alone.

A cursor is base64url of a version byte, an HMAC-SHA256 and the place after which the
next page begins. The signature covers the list's scope too, so a cursor holds no
copy of it and fails with another. It names a place and not an offset: events that
arrive move nothing.
"""

import base64
import binascii
import hashlib
import hmac
import json

from lambda_query.question import Position

_VERSION = b"\x01"
_SIGNATURE_BYTES = hashlib.sha256().digest_size


class ForeignCursor(ValueError):
    """The cursor was cut, forged, or made for a list of another scope."""


def encode(place: Position, scope: str, key: bytes) -> str:
    """The cursor of the page that begins after `place` in the list of `scope` (lambda_query.question)."""
    payload = json.dumps(place, ensure_ascii=False, separators=(",", ":")).encode()
    signed = _VERSION + _signature(payload, scope, key) + payload
    return base64.urlsafe_b64encode(signed).rstrip(b"=").decode()


def decode(cursor: str, scope: str, key: bytes) -> Position:
    """The place in `cursor`. Raises ForeignCursor where it was not made for `scope` by `key`."""
    signed = _decode_base64(cursor)
    head = len(_VERSION) + _SIGNATURE_BYTES
    payload = signed[head:]
    expected = _VERSION + _signature(payload, scope, key)
    if not hmac.compare_digest(signed[:head], expected):
        raise ForeignCursor(cursor)
    return Position(*json.loads(payload))


def _signature(payload: bytes, scope: str, key: bytes) -> bytes:
    return hmac.digest(key, _VERSION + hashlib.sha256(scope.encode()).digest() + payload, "sha256")


def _decode_base64(cursor: str) -> bytes:
    try:
        signed = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise ForeignCursor(cursor) from None
    # Unused bits at the end would let one cursor be written in several ways.
    if base64.urlsafe_b64encode(signed).rstrip(b"=").decode() != cursor:
        raise ForeignCursor(cursor)
    return signed
