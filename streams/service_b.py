"""Service B: queue b into PostgreSQL.

`faust -A streams.service_b worker -l info --web-port 6066`
"""

import functools
from typing import Any

import faust

from pipeline.clients.sqs import Queue
from pipeline.core.settings.workers import ServiceBSettings
from pipeline.core.ways import SERVICE_B
from pipeline.telemetry.call_metrics import CallMetrics
from pipeline.telemetry.metrics import WayMetrics, new_registry
from pipeline.telemetry.tracing import Tracing
from streams.age_metrics import AgeMetrics
from streams.dead_letter_writers import DeadLetterQueueWriter
from streams.follow_reader import FollowReader
from streams.intake import Intake
from streams.liveness import LivenessWatch
from streams.measured_sqs import MeasuredSqs
from streams.ordered_stop import bound_stop, close_at_shutdown
from streams.pages import add_pages
from streams.postgres import PostgresStore
from streams.queue_consumer import QueueConsumer
from streams.receipt_writer import ReceiptWriter
from streams.worker import create_worker, worker_settings
from streams.writable_store import WritableStore


def create_app(settings: ServiceBSettings) -> faust.App:
    """The Faust app: one agent, fed by the bridge from queue b."""
    worker = settings.worker
    app = create_worker(SERVICE_B, worker)
    registry, tracing = new_registry(), Tracing(SERVICE_B, worker.trace)
    store = PostgresStore(
        settings.postgres_url, connections=settings.postgres_connections, timeout_s=worker.store_timeout_s
    )
    metrics, calls = WayMetrics(registry, store.name, ("sqs",)), CallMetrics(registry)
    queue = Queue(settings.queue_b_url, MeasuredSqs(calls.queue(settings.queue_b_url)))
    letters_url = settings.dead_letter_b_url
    dead_letters = DeadLetterQueueWriter(letters_url, MeasuredSqs(calls.dead_letter_queue(letters_url)))
    receipts = ReceiptWriter(settings.receipts.kafka if settings.receipts else None, "postgres", registry, store.copies)
    intake = Intake(SERVICE_B, store, dead_letters.write, metrics, tracing, timeout_s=worker.store_timeout_s)
    intake.report_to(receipts)
    if settings.receipts:
        app.service(FollowReader(settings.receipts.kafka, "postgres", store.ways, receipts))
    way = QueueConsumer(app, intake, queue, worker)
    watch = LivenessWatch([way, way.receiving], stuck_after_s=worker.stuck_after_s)
    AgeMetrics({queue.name: way.in_flight}, registry)
    app.service(watch)
    add_pages(app, [WritableStore(store, [intake]), way], watch.suspicion, registry)
    bound_stop(app, [intake])
    close_at_shutdown(app, receipts, store, dead_letters, queue, tracing)
    return app


@functools.cache
def __getattr__(name: str) -> Any:
    """`app`, made when Faust asks for it: an import alone reads no settings."""
    if name == "app":
        return create_app(worker_settings(SERVICE_B, ServiceBSettings))
    raise AttributeError(name)
