"""Service C: queue c and the Kafka topic into DynamoDB.

`faust -A streams.service_c worker -l info --web-port 6067`
"""

import functools
from typing import Any

import faust

from pipeline.clients.sqs import Queue
from pipeline.core.settings.workers import ServiceCSettings
from pipeline.core.ways import SERVICE_C
from pipeline.telemetry.call_metrics import CallMetrics
from pipeline.telemetry.metrics import WayMetrics, new_registry
from pipeline.telemetry.tracing import Tracing
from streams.age_metrics import AgeMetrics
from streams.dead_letter_writers import DeadLetterQueueWriter, DeadLetterTopicWriter
from streams.dynamodb import DynamoStore
from streams.follow_reader import FollowReader
from streams.healers import HealerLetters, add_healers
from streams.intake import Intake
from streams.kafka_consumer import KafkaConsumer
from streams.liveness import LivenessWatch, Watched
from streams.measured_sqs import MeasuredSqs
from streams.ordered_stop import bound_stop, close_at_shutdown
from streams.pages import add_pages
from streams.queue_consumer import QueueConsumer
from streams.receipt_writer import ReceiptWriter
from streams.topic_agent import add_topic_agent
from streams.worker import create_topic_app, create_worker, worker_settings
from streams.writable_store import WritableStore


def create_app(settings: ServiceCSettings) -> faust.App:
    """The Faust app: an agent fed by the bridge from queue c, and inside it the app with the agent on the topic."""
    worker, kafka = settings.worker, settings.kafka
    app, topic_app = create_worker(SERVICE_C, worker), create_topic_app(SERVICE_C, worker, kafka)
    registry, tracing = new_registry(), Tracing(SERVICE_C, worker.trace)
    metrics, calls = WayMetrics(registry, DynamoStore.name, ("sqs", "kafka")), CallMetrics(registry)
    store = DynamoStore(settings.table, calls=settings.write_calls, retention_days=settings.retention_days)
    queue = Queue(settings.queue_c_url, MeasuredSqs(calls.queue(settings.queue_c_url)))
    letters_url = settings.dead_letter_c_url
    queue_letters = DeadLetterQueueWriter(letters_url, MeasuredSqs(calls.dead_letter_queue(letters_url)))
    topic_letters = DeadLetterTopicWriter(topic_app, kafka.dead_letter_topic, calls.kafka(kafka.dead_letter_topic))
    from_queue = Intake(SERVICE_C, store, queue_letters.write, metrics, tracing, timeout_s=worker.store_timeout_s)
    from_topic = Intake(SERVICE_C, store, topic_letters.write, metrics, tracing, timeout_s=worker.store_timeout_s)
    receipts = ReceiptWriter(kafka, "dynamodb", registry)
    app.service(FollowReader(kafka, "dynamodb", store.ways, receipts))
    for intake in (from_queue, from_topic):
        intake.report_to(receipts)
    add_topic_agent(topic_app, from_topic, kafka.topic, worker)
    topic_way = KafkaConsumer(topic_app, from_topic, kafka, kafka.topic)
    queue_way = QueueConsumer(app, from_queue, queue, worker)
    healers = add_healers(
        app, settings, HealerLetters(queue_letters.write, topic_letters.write), registry, calls, tracing
    )
    watched: list[Watched] = [queue_way, queue_way.receiving, topic_way, *healers.watched]
    watch = LivenessWatch(watched, stuck_after_s=worker.stuck_after_s)
    AgeMetrics({queue.name: queue_way.in_flight, **healers.in_flight}, registry)
    app.service(topic_way)
    app.service(watch)
    add_pages(app, [WritableStore(store, [from_queue, from_topic]), queue_way, topic_way], watch.suspicion, registry)
    bound_stop(app, [from_queue, from_topic, *healers.intakes])
    close_at_shutdown(app, receipts, store, queue_letters, queue, *healers.resources, tracing)
    return app


@functools.cache
def __getattr__(name: str) -> Any:
    """`app`, made when Faust asks for it: an import alone reads no settings."""
    if name == "app":
        return create_app(worker_settings(SERVICE_C, ServiceCSettings))
    raise AttributeError(name)
