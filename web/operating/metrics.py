"""Web's own metrics: the backlogs of queues and topic, and refused requests.

The consumers could export their backlogs themselves, but not once they are dead.
"""

from collections.abc import Iterator

from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from operations.backlog import NOTHING_READ, Backlog
from pipeline.serving import http_protocol
from pipeline.telemetry.counter import Counter


class Refusals:
    """`http_requests_refused_total`: what the server refused before the app saw it."""

    def __init__(self, registry: CollectorRegistry) -> None:
        counter = Counter(registry, "http_requests_refused", "Requests refused before they were whole.", ("reason",))
        self._counts = {reason: counter.labels(reason) for reason in http_protocol.REASONS}

    def count(self, reason: str) -> None:
        """A request was refused for `reason`."""
        self._counts[reason].inc()


class BacklogMetrics(Collector):
    """`sqs_messages` and `kafka_consumer_lag_events`, as they were read last; what could not be read is not told."""

    def __init__(self, topic: str, pending_topic: str, registry: CollectorRegistry) -> None:
        self._topic = topic
        self._pending_topic = pending_topic
        self._backlog = NOTHING_READ
        registry.register(self)

    def show(self, backlog: Backlog) -> None:
        """Tell this one from now on."""
        self._backlog = backlog

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """The gauges."""
        yield self._messages()
        yield self._lag()

    def _messages(self) -> GaugeMetricFamily:
        messages = GaugeMetricFamily("sqs_messages", "Messages of a queue.", labels=("queue", "state"))
        for queue in self._backlog.queues:
            messages.add_metric((queue.name, "waiting"), queue.depth.waiting)
            messages.add_metric((queue.name, "in_flight"), queue.depth.in_flight)
        return messages

    def _lag(self) -> GaugeMetricFamily:
        lag = GaugeMetricFamily(
            "kafka_consumer_lag_events", "Events of a partition that are not committed.", labels=("topic", "partition")
        )
        for topic, by_partition in (
            (self._topic, self._backlog.lag),
            (self._pending_topic, self._backlog.pending_lag),
        ):
            for partition, events in by_partition.items():
                lag.add_metric((topic, str(partition)), events)
        return lag
