"""The copies of an event in both stores, and the one order in which both are read."""

import heapq
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from pipeline.core.identity import Identity
from pipeline.core.table import position_key
from pipeline.core.ways import Via
from pipeline.events.metadata import Metadata


@dataclass(frozen=True, slots=True)
class Copy:
    """One copy: a row of PostgreSQL, or an item of DynamoDB. `via` is the item's way, None for the row."""

    received_at: str
    source: str
    id: str
    content_hash: str
    via: Via | None

    @property
    def identity(self) -> Identity:
        """(source, id)."""
        return self.source, self.id

    @property
    def position(self) -> str:
        """Sorts copies as both stores do: by time, source and id, cut where DynamoDB cuts it."""
        return position_key(self.received_at, self.source, self.id)


@dataclass(frozen=True, slots=True)
class Found:
    """One copy with all that is needed to send its event again."""

    copy: Copy
    type: str
    subject: str | None
    body: bytes
    metadata: Metadata

    @property
    def rank(self) -> tuple[bool, str, str]:
        """Sorts an event's copies: the row first, whose place counts, then the items by time."""
        return self.copy.via is not None, self.copy.received_at, self.copy.via or ""


async def side_by_side(streams: Sequence[AsyncIterator[Copy]]) -> AsyncIterator[list[Copy]]:
    """The copies of all the ordered `streams`, those of one position together.

    Holds one copy a stream and one group: memory does not grow with the range.
    """
    heads: list[tuple[str, int, Copy]] = []
    for number, stream in enumerate(streams):
        await _advance(heads, number, stream)
    group: list[Copy] = []
    while heads:
        position, number, copy = heapq.heappop(heads)
        if group and group[0].position != position:
            yield group
            group = []
        group.append(copy)
        await _advance(heads, number, streams[number])
    if group:
        yield group


async def _advance(heads: list[tuple[str, int, Copy]], number: int, stream: AsyncIterator[Copy]) -> None:
    async for copy in stream:
        heapq.heappush(heads, (copy.position, number, copy))
        return
