"""What a worker says when it is asked whether it is ready."""

import asyncio
import time

from pipeline.errors import QueueUnavailable
from streams.pages import missing


class Hanging:
    """Never answers."""

    name = "postgres"

    async def ping(self) -> None:
        await asyncio.Event().wait()


class Away:
    """Refuses."""

    name = "queue"

    async def ping(self) -> None:
        raise QueueUnavailable("queue events-b: refused")


class There:
    """Is well."""

    name = "kafka"

    async def ping(self) -> None: ...


async def test_what_hangs_is_named_before_who_asks_has_gone() -> None:
    begun = time.monotonic()
    assert await missing([Hanging(), Away(), There()]) == [
        "postgres: no answer within 1.5 s",
        "queue events-b: refused",
    ]
    assert time.monotonic() - begun < 2
