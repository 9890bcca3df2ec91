"""The traceparent that every event carries (W3C Trace Context, level 1)."""

import random
import re

_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-([0-9a-f]{2})\Z")


def child_of(traceparent: str | None) -> str:
    """A traceparent in the caller's trace, or in a new one where there is none or it is malformed.

    Ids have to differ and need not be secret, so they don't cost a system call.
    """
    made = f"{random.getrandbits(192):048x}"
    parent = _TRACEPARENT.match(traceparent) if traceparent else None
    trace_id, flags = parent.groups() if parent else (made[16:], "00")
    return f"00-{trace_id}-{made[:16]}-{flags}"
