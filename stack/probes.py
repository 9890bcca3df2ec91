"""Readiness probes of servers. Each makes one attempt."""

import asyncio
from collections.abc import Awaitable, Callable

import httpx

from stack.http_client import http_client
from stack.ports import HOST


def listens(port: int) -> Callable[[], Awaitable[bool]]:
    """A probe: something accepts connections on `port`."""

    async def probe() -> bool:
        try:
            _, writer = await asyncio.open_connection(HOST, port)
        except OSError:
            return False
        writer.close()
        await writer.wait_closed()
        return True

    return probe


def answers(url: str) -> Callable[[], Awaitable[bool]]:
    """A probe: `url` answers with a status below 300."""

    async def probe() -> bool:
        try:
            async with http_client(timeout=2) as client:
                return (await client.get(url)).is_success
        except httpx.TransportError:
            return False

    return probe
