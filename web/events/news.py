"""New events of a list: what was stored since its page was made, whatever time it claims."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime

from operations.http_api import EdgeUnavailable, Refused
from pipeline.core import clock
from web.answers import Arrival
from web.edges import Edges
from web.site.template_filters import in_utc

MOST = 100
_BEGIN_S = 0.5
"""PostgreSQL gives its time within milliseconds, or is down."""
_FILTERS = ("type", "source", "id", "subject")


async def begin(edges: Edges, filters: Mapping[str, str]) -> str:
    """From when on events are new to who is shown the list of `filters` next: PostgreSQL's time, else ours."""
    if filters.get("store") != "dynamodb":
        # The list itself is still to be read before the page's deadline.
        with suppress(EdgeUnavailable, Refused, TimeoutError):
            async with asyncio.timeout(_BEGIN_S):
                return (await edges.stored({})).resume_from
    return clock.rfc3339(clock.now())


class News:
    """Counts what is new since `since` to the list of `filters`.

    DynamoDB knows no order of storing: where it alone is asked, or answers, what was received since
    counts, without what the first look finds, which stands on the page.
    """

    def __init__(self, edges: Edges, filters: Mapping[str, str], since: str) -> None:
        self._edges = edges
        self._filters = {name: filters[name] for name in _FILTERS if name in filters}
        self._is_of_dynamodb = filters.get("store") == "dynamodb"
        self._begin = in_utc(filters.get("from", ""))
        self._since = since
        self._new: set[tuple[str, str]] = set()
        self._on_the_page: set[tuple[str, str]] | None = None

    async def count(self) -> int:
        """How many there are by now, MOST at most; as before while the query does not answer."""
        try:
            self._new |= await self._stored() if not self._is_of_dynamodb else await self._received()
        except EdgeUnavailable:
            self._new |= await self._else_received()
        except Refused:
            pass
        return min(len(self._new), MOST)

    async def _stored(self) -> set[tuple[str, str]]:
        asked = self._filters | {"since": self._since, "limit": str(MOST)}
        return _identities((await self._edges.stored(asked)).events, self._begin)

    async def _received(self) -> set[tuple[str, str]]:
        asked = self._filters | {"from": self._since, "limit": str(MOST), "store": "dynamodb"}
        found = _identities((await self._edges.received(asked)).events, self._begin)
        if self._on_the_page is None:
            self._on_the_page = found
        return found - self._on_the_page

    async def _else_received(self) -> set[tuple[str, str]]:
        if self._is_of_dynamodb:
            return set()
        try:
            return await self._received()
        except (EdgeUnavailable, Refused):
            return set()


def _identities(events: list[Arrival], begin: datetime | None) -> set[tuple[str, str]]:
    return {(event.source, event.id) for event in events if not begin or event.received_at >= begin}
