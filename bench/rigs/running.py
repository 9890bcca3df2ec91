"""One part of the stack for the length of a block; unlike under `make run`, what ends is not started again."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from stack import process
from stack.errors import PartFailed
from stack.home import ROOT, Home
from stack.part import Part


@asynccontextmanager
async def running(home: Home, part: Part) -> AsyncGenerator[int, None]:
    """The process id of `part` once it is ready; stopped afterwards. Raises PartFailed where it doesn't start."""
    await part.prepare()
    started = await process.spawn(part.command, part.environment, home.log(part.name), ROOT)
    try:
        await _ready(home, part, started)
        yield started.pid
    finally:
        await process.stop(started, part.stop_signal, part.stop_timeout_s)


async def _ready(home: Home, part: Part, started: asyncio.subprocess.Process) -> None:
    ended = asyncio.create_task(started.wait())
    probed = asyncio.create_task(process.until(part.probe))
    try:
        await asyncio.wait((ended, probed), timeout=part.deadline_s, return_when=asyncio.FIRST_COMPLETED)
        if ended.done() or not probed.done():
            raise PartFailed(part.name, "did not become ready", home.log(part.name))
        await probed
        await part.lay_out()
    finally:
        ended.cancel()
        probed.cancel()
