"""Events that a store or a way lacks, or whose contents differ."""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from cli.copies import Copy, Found, Identity
from cli.walk import Walk
from pipeline import clock
from pipeline.dead_letters import Place

SETTLING = timedelta(seconds=30)
"""What is younger may still be on its way."""
_WAYS: dict[str | None, Place] = {None: "b", "sqs": "c", "kafka": "kafka"}


@dataclass(frozen=True)
class Difference:
    """An event that is not in both stores by every way with one content.

    `missing` are the places whose consumer doesn't have it: queue b, queue c, or Kafka.
    """

    identity: Identity
    received_at: str
    missing: tuple[Place, ...]
    conflict: bool
    copies: Sequence[Found]

    def shown(self) -> dict[str, Any]:
        """As JSON shows it."""
        source, id_ = self.identity
        return {
            "source": source,
            "id": id_,
            "received_at": self.received_at,
            "missing": list(self.missing),
            "conflict": self.conflict,
        }


def settled_until(until: str | None) -> str:
    """`until`, but no later than what is settled by now."""
    settled = clock.rfc3339(clock.now() - SETTLING)
    return min(until, settled) if until else settled


async def differences(walk: Walk) -> AsyncGenerator[Difference, None]:
    """Each difference on the way of `walk`, once. Raises StoreUnavailable."""
    async for copies in walk.events(_is_doubtful):
        if difference := _difference(copies):
            yield difference


def _is_doubtful(copies: Sequence[Copy]) -> bool:
    return len({copy.via for copy in copies}) < len(_WAYS) or len({copy.content_hash for copy in copies}) > 1


def _difference(found: Sequence[Found]) -> Difference | None:
    there = {each.copy.via for each in found}
    missing = tuple(place for via, place in _WAYS.items() if via not in there)
    conflict = len({each.copy.content_hash for each in found}) > 1
    if not missing and not conflict:
        return None
    first = found[0].copy
    return Difference(first.identity, first.received_at, missing, conflict, found)
