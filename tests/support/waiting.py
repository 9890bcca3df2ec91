"""Waiting on a condition, with a deadline."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")


async def until(probe: Callable[[], Awaitable[T]], *, within_s: float, every_s: float = 0.1) -> T:
    """The first answer of `probe` that is true; raises TimeoutError after `within_s`."""
    async with asyncio.timeout(within_s):
        while not (answer := await probe()):  # noqa: ASYNC110 - what is waited for is in another process
            await asyncio.sleep(every_s)
        return answer
