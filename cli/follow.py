"""Events as they are stored, by asking the query again and again."""

import asyncio
from collections.abc import AsyncGenerator
from datetime import datetime, timedelta
from typing import Any

from cli.edges import Edges
from pipeline import clock

_EVERY_S = 1
_OVERLAP = timedelta(seconds=30)
"""An event may be stored later than one that was received after it; what comes later still is not shown."""
_PAGE = "200"

Seen = dict[tuple[str, str], str]
"""When each event that was shown was received."""


async def events(edges: Edges, parameters: dict[str, str], since: str | None) -> AsyncGenerator[dict[str, Any], None]:
    """Each event received from `since` on, or from now on, once; without an end. Raises EdgeUnavailable, Refused."""
    begin = horizon = since or clock.rfc3339(clock.now())
    seen: Seen = {}
    while True:
        async for event in _pages(edges, parameters | {"from": max(begin, horizon), "order": "asc", "limit": _PAGE}):
            identity = event["source"], event["id"]
            if identity not in seen:
                yield event
            seen[identity] = event["received_at"]
        horizon = _before(max(seen.values(), default=begin))
        seen = {identity: received_at for identity, received_at in seen.items() if received_at >= horizon}
        await asyncio.sleep(_EVERY_S)


async def _pages(edges: Edges, parameters: dict[str, str]) -> AsyncGenerator[dict[str, Any], None]:
    page = await edges.page(parameters)
    while True:
        for event in page["events"]:
            yield event
        if not page["next"]:
            return
        page = await edges.page(parameters | {"cursor": page["next"]})


def _before(received_at: str) -> str:
    return clock.rfc3339(datetime.fromisoformat(received_at) - _OVERLAP)
