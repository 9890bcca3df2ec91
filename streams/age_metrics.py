"""Age of the oldest message of each queue, as of each scrape."""

import time
from collections.abc import Iterator, Mapping

from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from streams.in_flight import InFlight


class AgeMetrics(Collector):
    """`sqs_oldest_message_age_seconds`: now less the oldest SentTimestamp of what was received and not yet deleted.

    SQS reports no age, and gives its older messages first: under a backlog, what is in
    flight is about the oldest that there is. 0 where nothing is in flight.
    """

    def __init__(self, in_flight: Mapping[str, InFlight], registry: CollectorRegistry) -> None:
        """`in_flight` has what is in flight of each queue, by the queue's name."""
        self._in_flight = in_flight
        registry.register(self)

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """The gauge."""
        gauge = GaugeMetricFamily(
            "sqs_oldest_message_age_seconds", "Age of the oldest message that is not deleted yet.", labels=("queue",)
        )
        for queue, in_flight in self._in_flight.items():
            oldest_ms = in_flight.oldest_sent_ms()
            gauge.add_metric((queue,), max(0.0, time.time() - oldest_ms / 1000) if oldest_ms else 0.0)
        yield gauge
