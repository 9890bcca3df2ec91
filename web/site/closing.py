"""Ends live streams when web stops: uvicorn would wait for them."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import TypeVar

from web.context import current

T = TypeVar("T")


async def until_closing(items: AsyncGenerator[T, None]) -> AsyncGenerator[T, None]:
    """The items up to their end, or until the running app is about to stop."""
    closing = asyncio.create_task(current().closing.wait())
    async with aclosing(items):
        try:
            while (coming := await _first(items, closing)) is not None:
                for item in coming:
                    yield item
        finally:
            closing.cancel()


async def _first(items: AsyncGenerator[T, None], closing: "asyncio.Task[bool]") -> tuple[T] | None:
    """The next item; None at the end of them, or once `closing` is done."""
    coming = asyncio.ensure_future(_next(items))
    try:
        await asyncio.wait((coming, closing), return_when=asyncio.FIRST_COMPLETED)
        return coming.result() if coming.done() and not closing.done() else None
    finally:
        coming.cancel()
        await asyncio.wait((coming,))


async def _next(items: AsyncGenerator[T, None]) -> tuple[T] | None:
    async for item in items:
        return (item,)
    return None
