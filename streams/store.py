"""The interface of a store."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from pipeline.core.errors import StoreUnavailable
from pipeline.events.delivery import Delivery


class Copy(NamedTuple):
    """What a receipt says of an event in a store."""

    received_at: str
    stored_at: str | None
    origin: dict[str, Any]


def origin_of(origin: dict[str, Any], traceparent: str | None) -> dict[str, Any]:
    """Where a copy came from, and the place in a trace that it came with, as GET /event has it."""
    return origin | ({"traceparent": traceparent} if traceparent else {})


@dataclass(slots=True)
class Stored:
    """What became of deliveries: each stands in one of the three lists."""

    new: list[Delivery] = field(default_factory=list)
    repeated: list[Delivery] = field(default_factory=list)
    conflicting: list[Delivery] = field(default_factory=list)
    stored_at: str | None = None
    """When, where the service says so and not the store itself."""

    def all(self) -> list[Delivery]:
        """Every delivery that needs no further call of the store."""
        return [*self.new, *self.repeated, *self.conflicting]


class PartlyStored(StoreUnavailable):
    """The store has `stored`, and can't take the rest now: only the rest is to be sent again."""

    def __init__(self, stored: Stored, detail: str) -> None:
        super().__init__(detail)
        self.stored = stored


class Store(Protocol):
    """A database that holds events, however often and in whatever order they come."""

    name: str
    call_events: int
    """The most events that one call takes."""
    calls: int
    """The most calls under way at once."""

    async def store(self, deliveries: Sequence[Delivery]) -> Stored:
        """Keep all of `deliveries`, at most `call_events`.

        Raises Rejected where the store will never take one of them (the caller finds out which, and
        none is kept), PartlyStored where it kept some, and StoreUnavailable where it can't take any now.
        """
        ...

    async def ping(self) -> None:
        """Ask the store for a sign of life; raises StoreUnavailable."""
        ...

    async def close(self) -> None:
        """Let go of every connection."""
        ...
