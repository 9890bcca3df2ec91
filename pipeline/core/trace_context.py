"""The traceparent that every event carries (W3C Trace Context), read and written by hand: most are not sampled."""

import random
import re
from typing import NamedTuple

SAMPLED = 1
_RANDOM = 2
"""Flags, as bits (Trace Context level 2): SDKs set the second one too, so that a sampled one ends in `-03`."""
_SAMPLED_ENDS = frozenset("13579bdf")
_FLAGS_END = 54
_TRACEPARENT = re.compile(
    r"(?!ff|00.{53}.)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?\Z"
)
"""A later version may have more behind the flags; version 00 has not."""


class TraceContext(NamedTuple):
    """A place in a trace: both ids in hexadecimal."""

    trace_id: str
    span_id: str
    flags: int = 0

    @property
    def is_sampled(self) -> bool:
        """Whether whoever was there before has recorded it."""
        return bool(self.flags & SAMPLED)

    @property
    def traceparent(self) -> str:
        """What carries it on."""
        return f"00-{self.trace_id}-{self.span_id}-{self.flags:02x}"

    def child(self) -> str:
        """A traceparent in this trace, not sampled, with a span id of its own."""
        return f"00-{self.trace_id}-{random.getrandbits(64):016x}-{self.flags & _RANDOM:02x}"


def parse(traceparent: str | None) -> TraceContext | None:
    """The context that a header names; None where there is none or it is malformed: then a new trace starts."""
    found = _TRACEPARENT.match(traceparent) if traceparent else None
    return TraceContext(found[1], found[2], int(found[3], 16)) if found else None


def new() -> TraceContext:
    """The beginning of a trace. Ids have to differ and need not be secret, so they don't cost a system call."""
    made = f"{random.getrandbits(192):048x}"
    return TraceContext(made[16:], made[:16])


def sampled(parent: TraceContext | None) -> TraceContext:
    """A place of its own in the parent's trace, or in a new one, that is recorded."""
    begun = new()
    if not parent:
        return begun._replace(flags=SAMPLED | _RANDOM)
    return TraceContext(parent.trace_id, begun.span_id, SAMPLED | parent.flags & _RANDOM)


def is_sampled(traceparent: str | None) -> bool:
    """Whether a traceparent says that it is; a look at one character, for every event that comes in."""
    return traceparent is not None and traceparent[_FLAGS_END:] in _SAMPLED_ENDS


def ids(traceparent: str | None) -> dict[str, str]:
    """What a log line about one event says of its trace: `trace_id` and `span_id`, or nothing."""
    context = parse(traceparent)
    return {"trace_id": context.trace_id, "span_id": context.span_id} if context else {}
