"""The traceparent that every event carries (W3C Trace Context, level 1)."""

import re
import secrets

_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-([0-9a-f]{2})\Z")


def child_of(traceparent: str | None) -> str:
    """A traceparent in the caller's trace, or in a new one where there is none or it is malformed."""
    random = secrets.token_hex(24)
    parent = _TRACEPARENT.match(traceparent) if traceparent else None
    trace_id, flags = parent.groups() if parent else (random[16:], "00")
    return f"00-{trace_id}-{random[:16]}-{flags}"
