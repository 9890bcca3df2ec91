"""Healers: they publish pending events to the broker that was out when the gateway accepted them.

Each broker is the other's outbox: the pending topic holds what SNS is still to get, the pending
queue what Kafka is still to get. Both are consumed as events are, and settled once published.
"""

from dataclasses import replace
from typing import NamedTuple

import faust
from prometheus_client import CollectorRegistry

from pipeline.clients.sqs import Queue
from pipeline.core.settings.workers import ServiceCSettings, WorkerSettings
from pipeline.core.ways import HEALER_GROUP
from pipeline.telemetry.call_metrics import CallMetrics
from pipeline.telemetry.counter import Counter
from pipeline.telemetry.metrics import WayMetrics
from pipeline.telemetry.tracing import Tracing
from streams.healing import SnsPublisher, TopicPublisher
from streams.in_flight import InFlight
from streams.intake import Intake
from streams.kafka_consumer import KafkaConsumer
from streams.letter_calls import DeadLetterWriter
from streams.liveness import Watched
from streams.measured_sqs import MeasuredSqs
from streams.ordered_stop import Closing
from streams.queue_consumer import QueueConsumer
from streams.topic_agent import add_topic_agent
from streams.worker import create_topic_app

_VISIBILITY_TIMEOUT_S = 6
_IN_FLIGHT_EVENTS = 200


class Healers(NamedTuple):
    """What runs in the worker, for those who watch it and end it."""

    watched: list[Watched]
    in_flight: dict[str, InFlight]
    intakes: list[Intake]
    resources: list[Closing]


class HealerLetters(NamedTuple):
    """Where dead letters of what waits in the pending queue and topic go."""

    of_queue: DeadLetterWriter
    of_topic: DeadLetterWriter


def add_healers(
    app: faust.App,
    settings: ServiceCSettings,
    letters: HealerLetters,
    registry: CollectorRegistry,
    calls: CallMetrics,
    tracing: Tracing,
) -> Healers:
    """Give `app` the healers of both brokers, if it has their settings. Whether it is ready does not depend on them."""
    healed = Counter(registry, "events_healed", "Pending events that were published to this leg.", ("leg",))
    counts = {leg: healed.labels(leg) for leg in ("sns", "kafka")}
    if not settings.healer:
        return Healers([], {}, [], [])
    worker, healer = settings.worker, settings.healer
    to_sns = SnsPublisher(healer.topic_arn, healer.events_per_s, counts["sns"])
    to_kafka = TopicPublisher(settings.kafka, healer.events_per_s, counts["kafka"])

    def intake(store: SnsPublisher | TopicPublisher, write: DeadLetterWriter, via: str) -> Intake:
        # Its own counts are not exported: an event that is healed is not stored yet.
        metrics = WayMetrics(CollectorRegistry(), store.name, (via,))
        return Intake(app.conf.id, store, write, metrics, tracing, timeout_s=worker.store_timeout_s)

    pending_queue = Queue(healer.pending_queue_url, MeasuredSqs(calls.queue(healer.pending_queue_url)))
    from_queue = intake(to_kafka, letters.of_queue, "sqs")
    queue_way = QueueConsumer(app, from_queue, pending_queue, pending_queue_settings(worker))

    topic_app = create_topic_app(HEALER_GROUP, worker, settings.kafka)
    from_topic = intake(to_sns, letters.of_topic, "kafka")
    add_topic_agent(topic_app, from_topic, settings.kafka.pending_topic, worker)
    topic_way = KafkaConsumer(topic_app, from_topic, settings.kafka, settings.kafka.pending_topic)
    app.service(topic_way)

    return Healers(
        watched=[queue_way, queue_way.receiving, topic_way],
        in_flight={pending_queue.name: queue_way.in_flight},
        intakes=[from_queue, from_topic],
        resources=[to_sns, to_kafka, pending_queue],
    )


def pending_queue_settings(worker: WorkerSettings) -> WorkerSettings:
    """What is pending is hidden for a shorter time than events.

    It is late already, and what a killed worker had in hand is healed only once it shows up again. While Kafka is
    out, what is in hand is hidden again every few seconds: few messages, so that few calls are made for nothing.
    """
    return replace(
        worker,
        visibility_timeout_s=min(worker.visibility_timeout_s, _VISIBILITY_TIMEOUT_S),
        in_flight_events=min(worker.in_flight_events, _IN_FLIGHT_EVENTS),
    )
