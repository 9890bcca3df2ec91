"""One rig for all tests of this package: a test breaks it and leaves it whole."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.chaos import rig as rigs
from tests.chaos.rig import Rig
from tests.integration.conftest import source

__all__ = ["rig", "source"]


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def rig(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Rig]:
    """The system between proxies."""
    ready: asyncio.Future[Rig] = asyncio.get_running_loop().create_future()
    over = asyncio.Event()

    async def run() -> None:
        """Start and stop it in one task, as its task groups ask."""
        async with rigs.rig(tmp_path_factory.mktemp("chaos")) as one:
            ready.set_result(one)
            await over.wait()

    running = asyncio.create_task(run())
    await asyncio.wait((running, ready), return_when=asyncio.FIRST_COMPLETED)
    if running.done():
        await running
    yield ready.result()
    over.set()
    await running
