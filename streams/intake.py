"""From bytes that arrived to rows that are stored: the one path of both ways.

A batch is settled when each of its arrivals is in the store or is a dead letter.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import NamedTuple

import stamina
import structlog

from pipeline import trace_context
from pipeline.dead_letters import envelope
from pipeline.delivery import Arrival, Delivery
from pipeline.errors import InvalidEvent, MalformedEvent, Rejected
from pipeline.event import MAX_EVENT_BYTES, Event, parse
from pipeline.metrics import WayMetrics
from pipeline.tracing import Tracing
from streams.store import Store, Stored

log = structlog.get_logger(__name__)

_NAMED = 20
"""Most events of a batch that its line in the log names."""

DeadLetterWriter = Callable[[Sequence[bytes]], Awaitable[None]]
"""Keeps envelopes for good before it returns; raises where it can't."""


class Refused(NamedTuple):
    """An arrival that can never be stored, and its event where it is one."""

    arrival: Arrival
    why: Rejected
    event: Event | None = None


class Interrupted(Exception):
    """The worker stops or loses its partitions: the batch is given back, not settled."""


class Intake:
    """One store's intake for one way; it settles one batch at a time."""

    def __init__(
        self,
        service: str,
        store: Store,
        write_dead_letters: DeadLetterWriter,
        metrics: WayMetrics,
        tracing: Tracing,
        *,
        timeout_s: float,
    ) -> None:
        self._service = service
        self._store = store
        self._write_dead_letters = write_dead_letters
        self._metrics = metrics
        self._tracing = tracing
        self._timeout_s = timeout_s
        self._deadline: asyncio.Timeout | None = None
        self._has_given_up = False
        self.outage: str | None = None
        """Why the batch that is at work was not settled at its last try."""

    def give_up(self) -> None:
        """Cut the try under way, and make no other: the worker has to end."""
        self._has_given_up = True
        if self._deadline:
            self._deadline.reschedule(0)

    async def settle(self, arrivals: Sequence[Arrival], interrupted: Callable[[], bool]) -> None:
        """Settle the batch, however long the store is away.

        Raises Interrupted, and nothing else, when `interrupted()` says so after a failed try, and
        at once where the worker has to end: the batches that wait behind the one that was cut are many.
        """
        if self._has_given_up:
            raise Interrupted
        with self._tracing.processing(arrivals) as processing:
            stored, refused = await self._until_settled(arrivals, interrupted)
            for each in refused:
                processing.refused(each.arrival, each.why.reason)
        self._count(arrivals[0].via, stored, refused)

    async def _until_settled(
        self, arrivals: Sequence[Arrival], interrupted: Callable[[], bool]
    ) -> tuple[Stored, list[Refused]]:
        deliveries, unfit = _parsed(arrivals)
        try:
            # Any error: what is no outage is a defect, and a batch that waits loses nothing.
            async for attempt in stamina.retry_context(
                on=lambda _: not (interrupted() or self._has_given_up),
                attempts=None,
                timeout=None,
                wait_initial=0.1,
                wait_max=2,
                wait_jitter=0.2,
            ):
                with attempt:
                    return await self._try(arrivals[0].via, deliveries, unfit)
        except Exception as error:
            raise Interrupted from error
        finally:
            self.outage = None
        raise AssertionError("the tries have no end")

    async def _try(
        self, via: str, deliveries: Sequence[Delivery], unfit: Sequence[Refused]
    ) -> tuple[Stored, list[Refused]]:
        started, outcome = time.perf_counter(), "failed"
        try:
            async with asyncio.timeout(self._timeout_s) as self._deadline:
                settled = await self._settle_once(deliveries, unfit)
            outcome = "stored"
        except Exception as error:
            # The deadline itself says nothing.
            self.outage = f"{type(error).__name__}: {str(error) or f'{self._store.name}: not settled in time'}"
            self._metrics.count_retry(error)
            log.warning("batch failed", via=via, events=len(deliveries), error=self.outage, **_named(deliveries))
            raise
        finally:
            self._deadline = None
            self._metrics.batch_seconds[via, outcome].observe(time.perf_counter() - started)
        return settled

    async def _settle_once(
        self, deliveries: Sequence[Delivery], unfit: Sequence[Refused]
    ) -> tuple[Stored, list[Refused]]:
        stored, rejected = await self._store_apart(deliveries)
        conflicts = [_conflict(delivery) for delivery in stored.conflicting]
        refused = [*unfit, *rejected, *conflicts]
        if refused:
            await self._write_dead_letters([envelope(each.arrival, each.why, self._service) for each in refused])
        return stored, refused

    async def _store_apart(self, deliveries: Sequence[Delivery]) -> tuple[Stored, list[Refused]]:
        """Store all that the store takes: a batch with a bad one in it is halved until that one is alone."""
        if not deliveries:
            return Stored(), []
        try:
            return await self._store.store(deliveries), []
        except Rejected as why:
            if len(deliveries) == 1:
                return Stored(), [Refused(deliveries[0].arrival, why, deliveries[0].event)]
        half = len(deliveries) // 2
        left, left_refused = await self._store_apart(deliveries[:half])
        right, right_refused = await self._store_apart(deliveries[half:])
        both = Stored(left.new + right.new, left.repeated + right.repeated, left.conflicting + right.conflicting)
        return both, left_refused + right_refused

    def _count(self, via: str, stored: Stored, refused: Sequence[Refused]) -> None:
        if held := [*stored.new, *stored.repeated]:
            log.info("stored", via=via, events=len(held), repeated=len(stored.repeated), **_named(held))
        self._metrics.batch_events[via].observe(len(stored.new) + len(stored.repeated) + len(refused))
        self._metrics.stored[via, "stored"].inc(len(stored.new))
        self._metrics.stored[via, "duplicate"].inc(len(stored.repeated))
        moment, latency = time.time(), self._metrics.latency[via]
        for delivery in stored.new:
            seconds = max(0.0, moment - datetime.fromisoformat(delivery.received_at).timestamp())
            latency.observe(seconds)
            traceparent = delivery.arrival.traceparent
            if traceparent and trace_context.is_sampled(traceparent):
                latency.show(seconds, traceparent)
        for arrival, why, event in refused:
            self._metrics.dead_letters[via, why.reason].inc()
            named = {"source": event.source, "id": event.id} if event else {}
            # The letter has the detail: it may quote the event.
            log.warning(
                "dead letter",
                via=via,
                reason=why.reason,
                origin=arrival.origin,
                **named,
                **trace_context.ids(arrival.traceparent),
            )


def _named(deliveries: Sequence[Delivery]) -> dict[str, list[str]]:
    """The ids and traces of a batch that is so small that a person may look for one event in the log."""
    if len(deliveries) > _NAMED:
        return {}
    contexts = [trace_context.parse(each.arrival.traceparent) for each in deliveries]
    return {
        "ids": [each.event.id for each in deliveries],
        "trace_ids": [context.trace_id for context in contexts if context],
    }


def _parsed(arrivals: Sequence[Arrival]) -> tuple[list[Delivery], list[Refused]]:
    deliveries: list[Delivery] = []
    refused: list[Refused] = []
    for arrival in arrivals:
        try:
            deliveries.append(Delivery(_event(arrival.body), arrival))
        except Rejected as why:
            refused.append(Refused(arrival, why))
    return deliveries, refused


def _event(body: bytes) -> Event:
    if len(body) > MAX_EVENT_BYTES:
        raise Rejected("too_large", f"{len(body)} bytes; an event has at most {MAX_EVENT_BYTES}")
    try:
        return parse(body)
    except MalformedEvent as error:
        raise Rejected("malformed", str(error)) from error
    except InvalidEvent as error:
        raise Rejected("invalid", str(error)) from error


def _conflict(delivery: Delivery) -> Refused:
    source, id_ = delivery.event.identity
    why = Rejected("conflict", f"the store has another content of source {source!r}, id {id_!r}")
    return Refused(delivery.arrival, why, delivery.event)
