"""The types that the gateway has schemas for, to suggest while one is typed."""

import asyncio
from collections.abc import Awaitable, Callable

from pipeline.core.errors import MensageriaError

_FRESH_S = 30.0
_TIMEOUT_S = 0.5
"""No page waits longer for what it can do without."""


class Suggestions:
    """The last list that `ask` gave, asked for again once it is old; empty while the gateway does not answer."""

    def __init__(self, ask: Callable[[], Awaitable[list[str]]]) -> None:
        self._ask = ask
        self._types: list[str] = []
        self._fresh_until = 0.0

    async def types(self) -> list[str]:
        """The types, in the gateway's order."""
        clock = asyncio.get_running_loop().time
        if clock() >= self._fresh_until:
            self._fresh_until = clock() + _FRESH_S
            try:
                self._types = await asyncio.wait_for(self._ask(), _TIMEOUT_S)
            except (MensageriaError, TimeoutError):
                self._types = []
        return self._types
