"""Publishes new events at an even rate, whatever happens to the gateway: each until it has its 202."""

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from aiohttp import ClientError, ClientSession, ClientTimeout, TCPConnector

from bench import events
from pipeline.events.event import STRUCTURED

_CONNECTIONS = 64
_PAUSE_S = 0.1
_TICK_S = 0.01
_TIMEOUT_S = 10


class SteadySender:
    """`due` counts the events that were to be sent so far, `accepted` those that have their 202."""

    def __init__(self, http: ClientSession, rate_per_s: float) -> None:
        self.due = 0
        self.accepted = 0
        self._http = http
        self._rate_per_s = rate_per_s
        self._bodies = events.bodies()
        self._is_ended = False

    @property
    def unaccepted(self) -> int:
        """How many of what was due have no 202 yet."""
        return self.due - self.accepted

    async def run(self) -> None:
        """Send until `end`, then until all that was due is accepted."""
        begun = time.perf_counter()
        async with asyncio.TaskGroup() as sending:
            while not self._is_ended:
                late = int((time.perf_counter() - begun) * self._rate_per_s) - self.due
                for _ in range(late):
                    self.due += 1
                    sending.create_task(self._send(next(self._bodies)))
                await asyncio.sleep(_TICK_S)

    def end(self) -> None:
        """No new events."""
        self._is_ended = True

    async def _send(self, body: bytes) -> None:
        while not await self._is_accepted(body):  # noqa: ASYNC110 - what it waits for is in another process
            await asyncio.sleep(_PAUSE_S)
        self.accepted += 1

    async def _is_accepted(self, body: bytes) -> bool:
        try:
            async with self._http.post("/events", data=body, headers={"content-type": STRUCTURED}) as answer:
                text = await answer.text()
        except (ClientError, TimeoutError):
            return False
        if answer.status in (202, 503):
            return answer.status == 202
        raise AssertionError(f"the gateway answered {answer.status}: {text}")


@asynccontextmanager
async def sending(gateway: str, rate_per_s: float) -> AsyncGenerator[SteadySender, None]:
    """A sender for the length of the block; after it, all that was due is accepted."""
    connections, timeout = TCPConnector(limit=_CONNECTIONS), ClientTimeout(total=_TIMEOUT_S)
    # Of the clients at hand the cheapest: it shares the cores with what is measured.
    async with ClientSession(gateway, connector=connections, timeout=timeout) as http:
        sender = SteadySender(http, rate_per_s)
        running = asyncio.create_task(sender.run())
        try:
            yield sender
            sender.end()
            await running
        finally:
            running.cancel()
