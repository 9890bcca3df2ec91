"""What becomes of arrivals, as metrics, log, traces and receipts say it."""

import time
from collections.abc import Sequence
from datetime import datetime

import structlog

from pipeline.core import trace_context
from pipeline.events.delivery import Delivery
from pipeline.telemetry.metrics import WayMetrics
from pipeline.telemetry.tracing import Processing
from streams.batch_state import Call, Refused
from streams.receipt_writer import ReceiptWriter
from streams.store import Stored

_log = structlog.get_logger(__name__)

_NAMED = 20
"""Most events of a batch that its line in the log names."""


class Outcomes:
    """The outcomes of one intake's batches, of which one is at work at a time."""

    def __init__(self, metrics: WayMetrics) -> None:
        self._metrics = metrics
        self._receipts: ReceiptWriter | None = None
        # Since the last line of `log`.
        self._stored = Stored()
        self._refused = 0

    def report_to(self, receipts: ReceiptWriter) -> None:
        """Have what comes from now on reported by `receipts` too."""
        self._receipts = receipts

    def called(self, via: str, outcome: str, begun: float) -> None:
        """A call to the store that began at `begun`, of `time.perf_counter`, has ended as `outcome`."""
        self._metrics.batch_seconds[via, outcome].observe(time.perf_counter() - begun)

    def stored(self, via: str, stored: Stored) -> None:
        """The store has these."""
        self._stored.new += stored.new
        self._stored.repeated += stored.repeated
        self._metrics.stored[via, "stored"].inc(len(stored.new))
        self._metrics.stored[via, "duplicate"].inc(len(stored.repeated))
        self._observe_latency(via, stored.new)
        if self._receipts:
            self._receipts.stored(stored)

    def refused(self, via: str, letters: Sequence[Refused], processing: Processing) -> None:
        """These are dead letters."""
        self._refused += len(letters)
        if self._receipts:
            self._receipts.refused(letters)
        for arrival, why, event in letters:
            processing.refused(arrival, why.reason)
            self._metrics.dead_letters.labels(via, why.reason).inc()
            named = {"source": event.source, "id": event.id} if event else {}
            # The letter has the detail: it may quote the event.
            _log.warning(
                "dead letter",
                via=via,
                reason=why.reason,
                origin=arrival.origin,
                **named,
                **trace_context.ids(arrival.metadata.traceparent),
            )

    def failed(self, via: str, call: Call, error: BaseException, why: str) -> None:
        """A call failed, whatever `error` is: what is no outage is a defect, and a batch that waits loses nothing."""
        self._metrics.count_retry(error)
        events = len(call.deliveries) or len(call.letters)
        _log.warning("write failed", via=via, events=events, error=why, **_named(call.deliveries))

    def log(self, via: str) -> None:
        """Log what became of the batch, or of the part of it that was settled since the last line."""
        stored, self._stored = self._stored, Stored()
        refused, self._refused = self._refused, 0
        if held := stored.new + stored.repeated:
            _log.info("stored", via=via, events=len(held), repeated=len(stored.repeated), **_named(held))
        if held or refused:
            self._metrics.batch_events[via].observe(len(held) + refused)

    def _observe_latency(self, via: str, new: Sequence[Delivery]) -> None:
        moment, latency = time.time(), self._metrics.latency[via]
        for delivery in new:
            seconds = max(0.0, moment - datetime.fromisoformat(delivery.received_at).timestamp())
            latency.observe(seconds)
            traceparent = delivery.arrival.metadata.traceparent
            if traceparent and trace_context.is_sampled(traceparent):
                latency.show(seconds, traceparent)


def _named(deliveries: Sequence[Delivery]) -> dict[str, list[str]]:
    """The ids and traces of a batch that is so small that a person may look for one event in the log."""
    if len(deliveries) > _NAMED:
        return {}
    contexts = [trace_context.parse(each.arrival.metadata.traceparent) for each in deliveries]
    return {
        "ids": [each.event.id for each in deliveries],
        "trace_ids": [context.trace_id for context in contexts if context],
    }
