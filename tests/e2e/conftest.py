"""What the tests over the whole system share."""

from collections.abc import AsyncIterator

import pytest_asyncio
from playwright.async_api import Browser

from tests.e2e.browsing import chromium


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    """A browser: each page has a context of its own in it. Tests that use it run in the loop of their module."""
    async with chromium() as one:
        yield one
