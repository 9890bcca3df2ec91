"""Events that a store or a way lacks, or whose contents differ."""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import Any

from cli.store_comparison import Walk
from cli.stored_copies import Found
from operations.dead_letters import Place
from pipeline.core.comparison import conflicting, is_doubtful, lacking
from pipeline.core.identity import Identity
from pipeline.core.ways import WAYS

_KEYS = {way.copy: way.key for way in WAYS}


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


async def differences(walk: Walk) -> AsyncGenerator[Difference, None]:
    """Each difference on the way of `walk`, once. Raises StoreUnavailable."""
    async for copies in walk.events(is_doubtful):
        if difference := _difference(copies):
            yield difference


def _difference(found: Sequence[Found]) -> Difference | None:
    copies = [each.copy for each in found]
    missing = tuple(_KEYS[via] for via in lacking(copies))
    conflict = conflicting(copies)
    if not missing and not conflict:
        return None
    return Difference(copies[0].identity, copies[0].received_at, missing, conflict, found)
