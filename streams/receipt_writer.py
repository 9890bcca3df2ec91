"""Reports of stored events to the gateways whose senders wait for them, or whose clients follow them.

A report helps who waits now and nobody else, so no event waits for one: what can't be sent is dropped.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

import structlog
from prometheus_client import CollectorRegistry

from pipeline.clients.notifier import Notifier
from pipeline.core.identity import Identity
from pipeline.core.settings.kafka import KafkaSettings
from pipeline.core.ways import Store
from pipeline.events import receipts
from pipeline.events.delivery import Arrival, Delivery
from pipeline.events.event import Event
from pipeline.events.receipts import MAX_REPLY_TO, Report
from pipeline.telemetry.counter import Counter
from streams.batch_state import Refused
from streams.followed import Followed
from streams.store import Copy, Stored, origin_of

_MOST_WAITING = 1_000
"""Batches of which reports are still to be sent."""

_LONGEST_S = 30.0
"""As long as a request waits at most: an older report is of no use."""

_STOP_TIMEOUT_S = 1.0

LookUp = Callable[[Sequence[Identity]], Awaitable[Mapping[Identity, Copy]]]
"""What the store has of each identity that it was given; raises StoreUnavailable."""

_log = structlog.get_logger(__name__)


class _Asking(NamedTuple):
    """An event that is to be reported to an address."""

    address: str
    delivery: Delivery


class _Batch(NamedTuple):
    """What is to be reported of one call to the store, or reports that are whole."""

    since: float
    asking: Sequence[_Asking] = ()
    copies: Mapping[Identity, Copy] = {}
    reports: Sequence[Report] = ()


class ReceiptWriter:
    """Reports by a producer that is made in the background once the first event asks for it, or is followed.

    `look_up` is for a store that itself says when an event was stored. Without `settings` nothing is reported.
    """

    def __init__(
        self, settings: KafkaSettings | None, store: Store, registry: CollectorRegistry, look_up: LookUp | None = None
    ) -> None:
        self._notifier = Notifier(settings, settings.receipts_topic) if settings else None
        self.followed = Followed()
        self._store = store
        self._look_up = look_up
        counter = Counter(registry, "receipts", "Reports of stored events to senders that wait.", ("store", "outcome"))
        self._sent, self._dropped = (counter.labels(store, outcome) for outcome in ("sent", "dropped"))
        self._waiting: asyncio.Queue[_Batch] = asyncio.Queue(_MOST_WAITING)
        self._sending: asyncio.Task[None] | None = None

    def stored(self, stored: Stored) -> None:
        """Report those that ask for it, or are followed."""
        held = stored.new + stored.repeated
        asking = [_Asking(each.arrival.reply_to or "", each) for each in held if _asks(each.arrival)]
        if self.followed:
            asking += [_Asking(to, each) for each in held for to in self.followed.addresses(each.event.identity)]
        if asking and self._notifier:
            self._put(_Batch(time.monotonic(), asking, _written(stored)))

    def refused(self, letters: Sequence[Refused]) -> None:
        """Report the events that became dead letters and ask for it, or are followed."""
        self.report(
            [
                self._report(address, Delivery(each.event, each.arrival), dead_letter=each.why.reason)
                for each in letters
                if each.event
                for address in self._addresses(each.event, each.arrival)
            ]
        )

    def report(self, reports: Sequence[Report]) -> None:
        """Send these."""
        if reports and self._notifier:
            self._put(_Batch(time.monotonic(), reports=reports))

    async def close(self) -> None:
        """Send what waits, for a moment, and let go of the producer."""
        if self._sending:
            with suppress(TimeoutError):
                async with asyncio.timeout(_STOP_TIMEOUT_S):
                    await self._waiting.join()
            self._sending.cancel()
            await asyncio.gather(self._sending, return_exceptions=True)
        if self._notifier:
            await self._notifier.close()

    def _addresses(self, event: Event, arrival: Arrival) -> list[str]:
        own = [arrival.reply_to] if arrival.reply_to and _asks(arrival) else []
        return [*own, *self.followed.addresses(event.identity)]

    def _put(self, batch: _Batch) -> None:
        self._sending = self._sending or asyncio.create_task(self._send_all())
        try:
            self._waiting.put_nowait(batch)
        except asyncio.QueueFull:
            self._drop(batch, "too many wait")

    def _drop(self, batch: _Batch, why: str) -> None:
        lost = len(batch.asking) + len(batch.reports)
        self._dropped.inc(lost)
        _log.warning("receipts dropped", receipts=lost, error=why)

    async def _send_all(self) -> None:
        while True:
            batch = await self._waiting.get()
            try:
                await self._send(batch)
            except Exception as error:  # noqa: BLE001 - whatever it is, events are stored on
                self._drop(batch, repr(error))
            finally:
                self._waiting.task_done()

    async def _send(self, batch: _Batch) -> None:
        if not self._notifier:
            return
        if time.monotonic() - batch.since > _LONGEST_S:
            raise TimeoutError("older than any request waits")
        for report in batch.reports or await self._reports(batch):
            sent = await self._notifier.send(receipts.encode(report))
            sent.add_done_callback(self._count)

    async def _reports(self, batch: _Batch) -> list[Report]:
        identities = list({each.delivery.event.identity for each in batch.asking})
        held = await self._look_up(identities) if self._look_up else {}
        known = {**batch.copies, **held}
        return [self._report(*each, **known[each.delivery.event.identity]._asdict()) for each in batch.asking]

    def _report(self, address: str, delivery: Delivery, **known: Any) -> Report:
        event = delivery.event
        return Report(address, event.source, event.id, self._store, delivery.arrival.via, **known)

    def _count(self, sent: asyncio.Future[Any]) -> None:
        error = None if sent.cancelled() else sent.exception()
        (self._dropped if error or sent.cancelled() else self._sent).inc()
        if error:
            _log.warning("receipt not sent", error=repr(error))


def _asks(arrival: Arrival) -> bool:
    return arrival.reply_to is not None and 0 < len(arrival.reply_to) <= MAX_REPLY_TO


def _written(stored: Stored) -> dict[Identity, Copy]:
    """What one call wrote of each identity: of an event that was in it twice, the first is kept."""
    copies: dict[Identity, Copy] = {}
    for each in stored.new + stored.repeated:
        origin = origin_of(each.arrival.origin, each.arrival.metadata.traceparent)
        copies.setdefault(each.event.identity, Copy(each.received_at, stored.stored_at, origin))
    return copies
