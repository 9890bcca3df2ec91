"""Tasks that nobody awaits: one that fails is logged and started again."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

_log = structlog.get_logger(__name__)

_PAUSE_S = 1.0


async def keep_running(name: str, work: Callable[[], Awaitable[None]]) -> None:
    """Run `work` until it returns; where it raises, again a second later."""
    while True:
        try:
            return await work()
        except Exception:  # noqa: BLE001 - whatever it is, it is logged and the work goes on
            _log.exception("a task failed and is started again", task=name)
        await asyncio.sleep(_PAUSE_S)
