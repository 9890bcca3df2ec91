"""Service C: queue c and the Kafka topic into DynamoDB.

`faust -A streams.service_c worker -l info --web-port 6067`
"""

import functools
from typing import Any

import faust

from pipeline.metrics import WayMetrics, new_registry
from pipeline.settings import ServiceCSettings, read
from streams.dead_letter_writers import DeadLetterQueue, DeadLetterTopic
from streams.dynamodb import DynamoStore
from streams.intake import Intake
from streams.queue_agent import add_queue_agent
from streams.topic_agent import add_topic_agent
from streams.worker import add_pages, close_at_shutdown, create_worker

SERVICE = "service-c"


def create_app(settings: ServiceCSettings) -> faust.App:
    """The Faust app: an agent on the Kafka topic, and one fed by the bridge from queue c."""
    worker, kafka = settings.worker, settings.kafka
    app = create_worker(SERVICE, worker, kafka)
    registry = new_registry()
    store = DynamoStore(settings.table, calls=settings.write_calls, timeout_s=worker.store_timeout_s)
    metrics = WayMetrics(registry, store.name, ("sqs", "kafka"))
    queue_letters = DeadLetterQueue(settings.dead_letter_queue_url)
    topic_letters = DeadLetterTopic(app, kafka.dead_letter_topic)
    from_queue = Intake(SERVICE, store, queue_letters.write, metrics, timeout_s=worker.store_timeout_s)
    from_topic = Intake(SERVICE, store, topic_letters.write, metrics, timeout_s=worker.store_timeout_s)
    add_queue_agent(app, "queue-c", from_queue, settings.queue_url, worker)
    add_topic_agent(app, "topic", from_topic, kafka.topic, worker)
    add_pages(app, store, registry)
    close_at_shutdown(app, queue_letters, store)
    return app


@functools.cache
def __getattr__(name: str) -> Any:
    """`app`, made when Faust asks for it: an import alone reads no settings."""
    if name == "app":
        return create_app(read(ServiceCSettings))
    raise AttributeError(name)
