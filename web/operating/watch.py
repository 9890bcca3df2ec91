"""Watches the pipeline: takes its state again and again, and keeps the numbers of the last minutes.

Often while somebody looks, seldom otherwise: for the backlog metrics, and so that the charts have their
past when the page is opened.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import datetime

import structlog

from operations.backlog import Backlog
from pipeline.core import clock
from pipeline.core.settings.web import WebSettings
from pipeline.core.ways import WAYS
from web.operating.backlogs import Backlogs
from web.operating.chart import Chart, Line
from web.operating.exposition import ACCEPTED, ANSWER, latency, stored
from web.operating.samples import Samples
from web.operating.services import Service, Services
from web.operating.state import State, brokers

_SPAN_S = 600.0
_WINDOW_S = 30.0
"""A rate or a quantile is of so many seconds: of less, it would jump with every event."""
_PAGE_S = 2.5
"""No page waits longer for a round; the live parts bring it."""
_LONGEST_S = 20.0
"""No round takes as long: what is asked has its own deadline."""
_log = structlog.get_logger(__name__)


class Watch:
    """The state of `services` and, where the settings name them, of the queues and topics."""

    def __init__(self, services: Services, backlogs: Backlogs | None, settings: WebSettings) -> None:
        self._services = services
        self._backlogs = backlogs
        self._every_s = settings.watch_every_s
        self._unwatched_every_s = settings.backlog_every_s
        self._samples = Samples(_SPAN_S)
        self._since: dict[str, tuple[str, datetime]] = {}
        self._state: State | None = None
        self._taken_at = time.monotonic()
        self._watchers = 0
        self._wanted = asyncio.Event()
        self._coming: asyncio.Future[State]

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Watch for as long as the block runs."""
        self._coming = asyncio.get_running_loop().create_future()
        if self._backlogs:
            self._wanted.set()  # the backlog metrics are there from the start
        watching = asyncio.create_task(self._watch())
        try:
            yield
        finally:
            watching.cancel()
            await asyncio.wait((watching,))
            if self._backlogs:
                await self._backlogs.close()

    async def state(self) -> State:
        """The state now, no older than a round; the last one where the next takes long, as what is asked hangs."""
        if not self._state:
            return await self._next()
        if time.monotonic() - self._taken_at >= self._every_s:
            with suppress(TimeoutError):
                async with asyncio.timeout(_PAGE_S):
                    return await self._next()
        return self._state

    async def states(self) -> AsyncGenerator[State, None]:
        """The state now, and each that is taken after it, for as long as they are asked for."""
        self._watchers += 1
        if self._watchers == 1:
            self._wanted.set()  # nobody looked: the next round may be far
        try:
            yield await self.state()
            while True:
                yield await self._next()
        finally:
            self._watchers -= 1

    def look_anew(self) -> None:
        """Take the state at once: somebody did something."""
        if self._backlogs:
            self._backlogs.count_letters_anew()
        self._wanted.set()

    async def _next(self) -> State:
        """The state that is taken next. Raises TimeoutError."""
        if not self._watchers or not self._state:
            self._wanted.set()
        async with asyncio.timeout(_LONGEST_S):
            return await asyncio.shield(self._coming)

    async def _watch(self) -> None:
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._wanted.wait(), self._tick_s())
            if not self._is_due():
                continue
            self._wanted.clear()
            try:
                self._tell(await self._take())
            except Exception:  # noqa: BLE001 - whatever a round stumbles on, the next one is taken
                _log.exception("the state of the pipeline could not be taken")

    def _tick_s(self) -> float:
        """Until the next round is due; where the last one failed, no sooner than somebody who looks would see one."""
        left_s = self._unwatched_every_s - (time.monotonic() - self._taken_at)
        return self._every_s if self._watchers or left_s <= 0 else left_s

    def _is_due(self) -> bool:
        age_s = time.monotonic() - self._taken_at
        return self._wanted.is_set() or self._watchers > 0 or age_s >= self._unwatched_every_s

    def _tell(self, state: State) -> None:
        self._state, self._taken_at = state, time.monotonic()
        self._coming.set_result(state)
        self._coming = asyncio.get_running_loop().create_future()

    async def _take(self) -> State:
        look, backlog = await asyncio.gather(self._services.look(), self._read_backlog())
        now = time.monotonic()
        self._samples.add(now, look.numbers.counters)
        ways = await self._backlogs.ways(backlog, look.numbers.oldest_ages_s) if self._backlogs else ()
        services = look.services + brokers(ways)
        pending = self._backlogs.pending if self._backlogs else {}
        return State(clock.now(), services, self._charts(now), ways, self._healthy_since(services), pending)

    async def _read_backlog(self) -> Backlog | str:
        return await self._backlogs.read() if self._backlogs else ""

    def _healthy_since(self, services: tuple[Service, ...]) -> dict[str, datetime]:
        for service in services:
            if self._since.get(service.name, ("",))[0] != service.health:
                self._since[service.name] = (service.health, clock.now())
        return {service.name: self._since[service.name][1] for service in services}

    def _charts(self, now: float) -> tuple[Chart, ...]:
        samples = self._samples
        accepted = Line("accepted", samples.rates(ACCEPTED, _WINDOW_S))
        arrived = (Line(way.name, samples.rates(stored(way.store, way.via), _WINDOW_S)) for way in WAYS)
        answers = Line("answer", samples.quantiles(ANSWER, 0.99, _WINDOW_S))
        delays = (Line(way.name, samples.quantiles(latency(way.store, way.via), 0.99, _WINDOW_S)) for way in WAYS)
        return (
            Chart("throughput", (accepted, *arrived), now, _SPAN_S, least=1),
            Chart("latency", (answers, *delays), now, _SPAN_S, least=0.01),
        )
