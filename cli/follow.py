"""Events as they are stored, by asking the query again and again."""

import asyncio
from collections.abc import AsyncGenerator
from datetime import timedelta
from typing import Any

from cli.edges import Edges
from operations.http_api import EdgeUnavailable
from pipeline.core import clock
from pipeline.core.identity import Identity

_EVERY_S = 1
_OVERLAP = timedelta(seconds=30)
"""Of what DynamoDB alone has, which knows no order of storing: it may be stored so much later than it was received."""
_KEPT = timedelta(minutes=5)
"""How long what was shown is known: longer than anything is asked for again."""
_PAGE = "200"


class Shown:
    """What was shown lately, by this machine's clock that never goes back."""

    def __init__(self) -> None:
        self._until: dict[Identity, float] = {}

    def is_new(self, event: dict[str, Any]) -> bool:
        """Whether `event` is to be shown; it is known from then on."""
        identity, now = (event["source"], event["id"]), asyncio.get_running_loop().time()
        is_new = identity not in self._until
        self._until[identity] = now + _KEPT.total_seconds()
        return is_new

    def forget(self) -> None:
        """What has not been seen for long."""
        now = asyncio.get_running_loop().time()
        self._until = {identity: until for identity, until in self._until.items() if until > now}


async def events(edges: Edges, parameters: dict[str, str], since: str | None) -> AsyncGenerator[dict[str, Any], None]:
    """Each event received from `since` on and then each that is stored, once; without an end.

    What comes is followed by when PostgreSQL stored it, whatever time it claims; what only
    DynamoDB has, by when it was received. Raises EdgeUnavailable and Refused.
    """
    following, shown = Following(edges, parameters), Shown()
    await following.begin()
    received_from = since or clock.rfc3339(clock.now())
    while True:
        for part in (following.stored(), _received(edges, parameters, received_from)):
            async for event in part:
                if shown.is_new(event):
                    yield event
        shown.forget()
        received_from = max(received_from, clock.rfc3339(clock.now() - _OVERLAP))
        await asyncio.sleep(_EVERY_S)


class Following:
    """What PostgreSQL stores from now on; nothing while it does not answer, and what was missed once it does."""

    def __init__(self, edges: Edges, parameters: dict[str, str]) -> None:
        self._edges = edges
        self._parameters = parameters
        self._since: dict[str, str] = {}

    async def begin(self) -> None:
        """From now on, by PostgreSQL's clock where it answers, else by this machine's."""
        try:
            answer = await self._edges.stored(self._parameters)
        except EdgeUnavailable:
            self._since = {"since": clock.rfc3339(clock.now())}
        else:
            self._since = {"since": answer["resume_from"]}

    async def stored(self) -> AsyncGenerator[dict[str, Any], None]:
        """What was stored since the last call, and some of what came before."""
        cursor: dict[str, str] = {}
        resume_from = ""
        while True:
            try:
                page = await self._edges.stored(self._parameters | self._since | {"limit": _PAGE} | cursor)
            except EdgeUnavailable:
                return
            for event in page["events"]:
                yield event
            resume_from = resume_from or page["resume_from"]
            if not page["next"]:
                self._since = {"since": max(self._since["since"], resume_from)}
                return
            cursor = {"cursor": page["next"]}


async def _received(edges: Edges, parameters: dict[str, str], since: str) -> AsyncGenerator[dict[str, Any], None]:
    asked = parameters | {"from": since, "order": "asc", "limit": _PAGE}
    page = await edges.page(asked)
    while True:
        for event in page["events"]:
            yield event
        if not page["next"]:
            return
        page = await edges.page(asked | {"cursor": page["next"]})
