"""Service B: queue b into PostgreSQL.

`faust -A streams.service_b worker -l info --web-port 6066`
"""

import functools
from typing import Any

import faust

from pipeline.metrics import WayMetrics, new_registry
from pipeline.settings import ServiceBSettings, read
from streams.dead_letter_writers import DeadLetterQueue
from streams.intake import Intake
from streams.postgres import PostgresStore
from streams.queue_agent import add_queue_agent
from streams.worker import add_pages, close_at_shutdown, create_worker

SERVICE = "service-b"


def create_app(settings: ServiceBSettings) -> faust.App:
    """The Faust app: one agent, fed by the bridge from queue b."""
    worker = settings.worker
    app = create_worker(SERVICE, worker)
    registry = new_registry()
    store = PostgresStore(
        settings.postgres_url, connections=settings.postgres_connections, timeout_s=worker.store_timeout_s
    )
    dead_letters = DeadLetterQueue(settings.dead_letter_queue_url)
    metrics = WayMetrics(registry, store.name, ("sqs",))
    intake = Intake(SERVICE, store, dead_letters.write, metrics, timeout_s=worker.store_timeout_s)
    add_queue_agent(app, "queue-b", intake, settings.queue_url, worker)
    add_pages(app, store, registry)
    close_at_shutdown(app, dead_letters, store)
    return app


@functools.cache
def __getattr__(name: str) -> Any:
    """`app`, made when Faust asks for it: an import alone reads no settings."""
    if name == "app":
        return create_app(read(ServiceBSettings))
    raise AttributeError(name)
