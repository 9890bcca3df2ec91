"""What services B and C ask of a store."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from pipeline.delivery import Delivery


@dataclass(slots=True)
class Stored:
    """What became of a batch: each delivery stands in one of the three lists."""

    new: list[Delivery] = field(default_factory=list)
    repeated: list[Delivery] = field(default_factory=list)
    conflicting: list[Delivery] = field(default_factory=list)


class Store(Protocol):
    """A database that holds events, however often and in whatever order they come."""

    name: str

    async def store(self, deliveries: Sequence[Delivery]) -> Stored:
        """Keep all of `deliveries`, or none that the caller may count on.

        Raises Rejected where the store will never take one of them (the caller finds
        out which), and StoreUnavailable where it can't take any now.
        """
        ...

    async def ping(self) -> None:
        """Ask the store for a sign of life; raises StoreUnavailable."""
        ...

    async def close(self) -> None:
        """Let go of every connection."""
        ...
