"""Requests that wait until their events are stored."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from gateway import publication
from gateway.addresses import Addresses
from gateway.inbound import ClientGone
from gateway.progress import Progress
from gateway.publication import Publication
from pipeline.core.identity import Identity
from pipeline.events.receipts import Report
from pipeline.telemetry.metrics import GatewayMetrics

MAX_EVENTS = 10_000
"""Events that are waited for at once: a preference is no right, and what is over it is answered with 202 at once."""

_CONNECT_S = 1.0
"""Longest that a first publication is held up until receipts are read."""


class Wait:
    """One request's wait for its events, at most until `deadline` by the loop's clock.

    `publications` are what to publish, with the address to report to where there is one.
    """

    def __init__(self, publications: list[Publication], deadline: float, address: str = "") -> None:
        self.publications = publications
        self.address = address
        self.waited_s = 0.0
        self._deadline = deadline
        self._progress = {(each.source, each.id): Progress(each.received_at) for each in publications}
        self._left = set(self._progress)
        self._ended = asyncio.get_running_loop().create_future()

    @property
    def left_s(self) -> float:
        """How long it still lasts."""
        return max(0.0, self._deadline - asyncio.get_running_loop().time())

    @property
    def is_complete(self) -> bool:
        """Whether every way has stored every event."""
        return not self._left

    def of(self, identity: Identity) -> dict[str, Any]:
        """What is known of the event: its receipt, and its dead letters where there are some."""
        return self._progress[identity].known()

    def take(self, report: Report) -> None:
        """Note what a service reports; the wait ends where all is stored, or one event never will be."""
        identity = (report.source, report.id)
        if not (progress := self._progress.get(identity)):
            return
        progress.take(report)
        if progress.is_complete:
            self._left.discard(identity)
        if progress.dead_letters or not self._left:
            self.end()

    def end(self) -> None:
        """Wait no longer."""
        if not self._ended.done():
            self._ended.set_result(None)

    async def until_ended(self, disconnected: Callable[[], Awaitable[None]]) -> None:
        """Returns when it has ended. Raises ClientGone where `disconnected` returns before."""
        begun = asyncio.get_running_loop().time()
        gone = asyncio.ensure_future(disconnected())
        try:
            await asyncio.wait((self._ended, gone), timeout=self.left_s, return_when=asyncio.FIRST_COMPLETED)
            if gone.done() and not self._ended.done():
                raise ClientGone
        finally:
            gone.cancel()
            self.waited_s = asyncio.get_running_loop().time() - begun


class Waits:
    """All waits of this process."""

    def __init__(self, addresses: Addresses, metrics: GatewayMetrics) -> None:
        self._addresses = addresses
        self._metrics = metrics
        self._events = 0

    @asynccontextmanager
    async def begin(self, publications: list[Publication], wait_s: float) -> AsyncGenerator[Wait | None, None]:
        """A wait for what is published in the block; None where the preference can't be met.

        That is where too many events are waited for, or an event is too large to carry an address.
        """
        now = asyncio.get_running_loop().time()
        if not wait_s or self._addresses.is_stopping:
            yield Wait(publications, now)
        elif wait := self._addressed(publications, now + wait_s):
            with self._counted(wait), self._addresses.listening(wait.address, wait):
                await self._addresses.connected(min(_CONNECT_S, wait.left_s))
                yield wait
        else:
            self._metrics.waits["refused"].inc()
            yield None

    def _addressed(self, publications: list[Publication], deadline: float) -> Wait | None:
        if self._events + len(publications) > MAX_EVENTS:
            return None
        address = self._addresses.new()
        asking = [publication.replying_to(address, each) for each in publications]
        carrying = [each for each in asking if each]
        return Wait(carrying, deadline, address) if len(carrying) == len(publications) else None

    @contextmanager
    def _counted(self, wait: Wait) -> Iterator[None]:
        events = len(wait.publications)
        self._events += events
        try:
            yield
        finally:
            self._events -= events
            self._metrics.waits["stored" if wait.is_complete else "not_stored"].inc()
