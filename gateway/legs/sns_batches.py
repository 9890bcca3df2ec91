"""SNS publications gathered into calls of up to ten, with no wait where events are few."""

import asyncio
import math
from collections import deque
from collections.abc import Awaitable, Callable
from typing import NamedTuple

import stamina
import structlog

from gateway.errors import LegRefused, LegUnavailable
from gateway.legs.leg import SPACING_S, TICK_S
from gateway.legs.sns_request import Verdict
from gateway.publication import Publication

MAX_ENTRIES = 10
MAX_BYTES = 262_144
"""SNS, PublishBatch: the entries of a request, and their bytes with attributes."""

MAX_CALLS = 8
"""Calls under way at once."""

COMPANY_S = 0.025
"""Longest wait for a batch to fill while a call is under way, at whose end it goes."""


Call = Callable[[list[Publication]], Awaitable[Verdict]]
"""Sends a batch; an entry that its verdict lacks may be sent again. Raises LegUnavailable and LegRefused."""

_log = structlog.get_logger(__name__)


class _Entry(NamedTuple):
    publication: Publication
    acknowledged: asyncio.Future[None]
    since: float


class SnsBatches:
    """Sends each publication by `call` until it is acknowledged or its publisher has left.

    A batch goes out when it is full, and else when no call is under way and the last one began SPACING_S
    ago: one alone goes at once. A call costs gateway and SNS as much as its events, so while one is
    under way the next gathers, as in Nagle's algorithm, for COMPANY_S at most.
    Entries that were not acknowledged are tried again, and they alone, with jitter,
    for `timeout_s`. Those of a batch that is refused go one by one: what is refused alone ends so.
    """

    def __init__(self, call: Call, timeout_s: float) -> None:
        self._call = call
        self._timeout_s = timeout_s
        self._waiting: deque[_Entry] = deque()
        self._waiting_bytes = 0
        self._calls: set[asyncio.Task[None]] = set()
        self._begun = -math.inf
        self._look: asyncio.Handle | None = None
        self._wake_up: asyncio.TimerHandle | None = None

    def publish(self, publication: Publication) -> asyncio.Future[None]:
        """Ends once `publication` is acknowledged, or with LegUnavailable or LegRefused. May be cancelled."""
        loop = asyncio.get_running_loop()
        entry = _Entry(publication, loop.create_future(), loop.time())
        self._waiting.append(entry)
        self._waiting_bytes += publication.size_bytes
        if not self._look:
            # At the end of this turn of the loop: what arrives in the same turn goes together.
            self._look = loop.call_soon(self._send_due)
        return entry.acknowledged

    async def aclose(self) -> None:
        """End the calls under way; nobody waits for them any more."""
        for handle in filter(None, (self._look, self._wake_up)):
            handle.cancel()
        while self._waiting:
            _fail([self._waiting.popleft()], "closed")
        for call in self._calls:
            call.cancel()
        await asyncio.gather(*self._calls, return_exceptions=True)

    def _send_due(self) -> None:
        self._look = None
        while self._is_due():
            if batch := self._take_batch():
                self._begun = asyncio.get_running_loop().time()
                call = asyncio.create_task(self._deliver(batch))
                self._calls.add(call)
                call.add_done_callback(self._call_ended)
        self._wake_up_later()

    def _call_ended(self, call: asyncio.Task[None]) -> None:
        self._calls.discard(call)
        if not call.cancelled() and (error := call.exception()):
            _log.error("sns call failed unexpectedly", exc_info=error)
        self._send_due()

    def _is_due(self) -> bool:
        if not self._waiting or len(self._calls) >= MAX_CALLS:
            return False
        if len(self._waiting) >= MAX_ENTRIES or self._waiting_bytes >= MAX_BYTES:
            return True
        return asyncio.get_running_loop().time() + TICK_S >= self._due_at

    @property
    def _due_at(self) -> float:
        """When those that wait go, though they fill no batch: at the latest, where calls are under way."""
        return self._waiting[0].since + COMPANY_S if self._calls else self._begun + SPACING_S

    def _wake_up_later(self) -> None:
        if not self._waiting or len(self._calls) >= MAX_CALLS:
            return
        if self._wake_up and self._wake_up.when() > self._due_at:
            self._wake_up.cancel()
            self._wake_up = None
        if not self._wake_up:
            self._wake_up = asyncio.get_running_loop().call_at(self._due_at, self._woken)

    def _woken(self) -> None:
        self._wake_up = None
        self._send_due()

    def _take_batch(self) -> list[_Entry]:
        batch: list[_Entry] = []
        room = MAX_BYTES
        while self._waiting and len(batch) < MAX_ENTRIES and self._waiting[0].publication.size_bytes <= room:
            entry = self._waiting.popleft()
            self._waiting_bytes -= entry.publication.size_bytes
            if not entry.acknowledged.done():
                room -= entry.publication.size_bytes
                batch.append(entry)
        return batch

    async def _deliver(self, batch: list[_Entry]) -> None:
        try:
            async with asyncio.timeout(self._timeout_s):
                await self._until_acknowledged(batch)
        except TimeoutError:
            _log.warning("sns did not acknowledge in time", batch_events=len(batch))
        finally:
            _fail(batch, "no acknowledgement in time")

    async def _until_acknowledged(self, batch: list[_Entry]) -> None:
        try:
            await self._attempt(batch)
        except LegUnavailable as error:
            _log.warning("sns tried again", error=str(error))
            await self._try_again(batch)

    async def _try_again(self, batch: list[_Entry]) -> None:
        async for attempt in stamina.retry_context(
            on=LegUnavailable, attempts=None, timeout=None, wait_initial=0.05, wait_max=0.5, wait_jitter=0.1
        ):
            with attempt:
                await self._attempt(_unacknowledged(batch))

    async def _attempt(self, entries: list[_Entry]) -> None:
        if not entries:
            return
        try:
            verdict = await self._call([entry.publication for entry in entries])
        except LegRefused as error:
            await self._refused(entries, error)
            return
        for index in verdict.stored:
            if not entries[index].acknowledged.done():
                entries[index].acknowledged.set_result(None)
        for index, why in verdict.refused.items():
            _refuse(entries[index], LegRefused("sns", why))
        if missing := len(entries) - len(verdict.stored) - len(verdict.refused):
            raise LegUnavailable("sns", f"{missing} of {len(entries)} entries failed")

    async def _refused(self, entries: list[_Entry], error: LegRefused) -> None:
        if len(entries) > 1:
            for entry in entries:
                await self._attempt([entry])
        else:
            _refuse(entries[0], error)


def _refuse(entry: _Entry, error: LegRefused) -> None:
    if not entry.acknowledged.done():
        entry.acknowledged.set_exception(error)


def _fail(batch: list[_Entry], detail: str) -> None:
    for entry in _unacknowledged(batch):
        entry.acknowledged.set_exception(LegUnavailable("sns", detail))


def _unacknowledged(batch: list[_Entry]) -> list[_Entry]:
    return [entry for entry in batch if not entry.acknowledged.done()]
