"""What a service has stored, reported to the gateways whose senders wait for it.

A report helps who waits now and nobody else, so no event waits for one: what can't be sent is dropped.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaConnectionError
from prometheus_client import CollectorRegistry

from pipeline.clients import kafka
from pipeline.core.settings import KafkaSettings
from pipeline.events import receipts
from pipeline.events.delivery import Arrival, Delivery
from pipeline.events.event import Event
from pipeline.events.receipts import MAX_REPLY_TO, Report, Store
from pipeline.telemetry.counter import Counter
from streams.batch_state import Refused
from streams.store import Copy, Stored, origin_of

_MOST_WAITING = 1_000
"""Batches of which reports are still to be sent."""

_LONGEST_S = 30.0
"""As long as a request waits at most: an older report is of no use."""

_TIMEOUT_S = 5.0
_STOP_TIMEOUT_S = 1.0
_PAUSE_S = 1.0
"""Between two attempts to reach Kafka."""

Identity = tuple[str, str]
LookUp = Callable[[Sequence[Delivery]], Awaitable[Mapping[Identity, Copy]]]
"""What the store has of each identity that it was given; raises StoreUnavailable."""

log = structlog.get_logger(__name__)


class _Batch(NamedTuple):
    """What asks for a report, of one call to the store or of one call with dead letters."""

    since: float
    deliveries: Sequence[Delivery] = ()
    copies: Mapping[Identity, Copy] = {}
    letters: Sequence[Report] = ()


class ReceiptWriter:
    """Reports by a producer that is made in the background once the first event asks for it.

    `look_up` is for a store that itself says when an event was stored. Without `settings` nothing is reported.
    """

    def __init__(
        self, settings: KafkaSettings | None, store: Store, registry: CollectorRegistry, look_up: LookUp | None = None
    ) -> None:
        self._settings = settings
        self._topic = settings.receipts_topic if settings else ""
        self._store = store
        self._look_up = look_up
        counter = Counter(registry, "receipts", "Reports of stored events to senders that wait.", ("store", "outcome"))
        self._sent, self._dropped = (counter.labels(store, outcome) for outcome in ("sent", "dropped"))
        self._waiting: asyncio.Queue[_Batch] = asyncio.Queue(_MOST_WAITING)
        self._sending: asyncio.Task[None] | None = None
        self._producer: AIOKafkaProducer | None = None
        self._connects_from = 0.0

    def stored(self, stored: Stored) -> None:
        """Report those that ask for it."""
        if self._settings and (asking := [each for each in stored.new + stored.repeated if _asks(each.arrival)]):
            self._put(_Batch(time.monotonic(), asking, _written(stored)))

    def refused(self, letters: Sequence[Refused]) -> None:
        """Report the events that became dead letters and ask for it."""
        reports = [
            self._report(each.event, each.arrival, dead_letter=each.why.reason)
            for each in letters
            if self._settings and each.event and _asks(each.arrival)
        ]
        if reports:
            self._put(_Batch(time.monotonic(), letters=reports))

    async def close(self) -> None:
        """Send what waits, for a moment, and let go of the producer."""
        if self._sending:
            with suppress(TimeoutError):
                async with asyncio.timeout(_STOP_TIMEOUT_S):
                    await self._waiting.join()
            self._sending.cancel()
            await asyncio.gather(self._sending, return_exceptions=True)
        if self._producer:
            await kafka.stop(self._producer)

    def _put(self, batch: _Batch) -> None:
        self._sending = self._sending or asyncio.create_task(self._send_all())
        try:
            self._waiting.put_nowait(batch)
        except asyncio.QueueFull:
            self._drop(batch, "too many wait")

    def _drop(self, batch: _Batch, why: str) -> None:
        lost = len(batch.deliveries) + len(batch.letters)
        self._dropped.inc(lost)
        log.warning("receipts dropped", receipts=lost, error=why)

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
        if time.monotonic() - batch.since > _LONGEST_S:
            raise TimeoutError("older than any request waits")
        producer = await self._connected()
        for report in batch.letters or await self._reports(batch):
            sent = await producer.send(self._topic, receipts.encode(report), partition=0)
            sent.add_done_callback(self._count)

    async def _reports(self, batch: _Batch) -> list[Report]:
        held = await self._look_up(batch.deliveries) if self._look_up else {}
        return [
            self._report(
                each.event,
                each.arrival,
                **(held.get(each.event.identity) or batch.copies[each.event.identity])._asdict(),
            )
            for each in batch.deliveries
        ]

    def _report(self, event: Event, arrival: Arrival, **known: Any) -> Report:
        return Report(arrival.reply_to or "", event.source, event.id, self._store, arrival.via, **known)

    def _count(self, sent: asyncio.Future[Any]) -> None:
        error = None if sent.cancelled() else sent.exception()
        (self._dropped if error or sent.cancelled() else self._sent).inc()
        if error:
            log.warning("receipt not sent", error=repr(error))

    async def _connected(self) -> AIOKafkaProducer:
        """The producer. Raises KafkaError where no broker answers, for a while without asking again."""
        if self._producer:
            return self._producer
        if time.monotonic() < self._connects_from:
            raise KafkaConnectionError("no broker answered a moment ago")
        producer = kafka.notifier(self._settings or KafkaSettings(), timeout_s=_TIMEOUT_S)
        try:
            async with asyncio.timeout(_TIMEOUT_S):
                await producer.start()
        except BaseException:
            self._connects_from = time.monotonic() + _PAUSE_S
            await kafka.stop(producer)
            raise
        self._producer = producer
        return producer


def _asks(arrival: Arrival) -> bool:
    return arrival.reply_to is not None and 0 < len(arrival.reply_to) <= MAX_REPLY_TO


def _written(stored: Stored) -> dict[Identity, Copy]:
    """What one call wrote of each identity: of an event that was in it twice, the first is kept."""
    copies: dict[Identity, Copy] = {}
    for each in stored.new + stored.repeated:
        origin = origin_of(each.arrival.origin, each.arrival.metadata.traceparent)
        copies.setdefault(each.event.identity, Copy(each.received_at, stored.stored_at, origin))
    return copies
