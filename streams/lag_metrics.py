"""How far a worker is behind on the topic, told at each scrape."""

from collections.abc import Iterator

from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from streams.topic_way import TopicWay


class LagMetrics(Collector):
    """`kafka_consumer_lag_events` of each partition that the worker has: the end less what is committed."""

    def __init__(self, way: TopicWay, topic: str, registry: CollectorRegistry) -> None:
        self._way = way
        self._topic = topic
        registry.register(self)

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """The gauge."""
        gauge = GaugeMetricFamily(
            "kafka_consumer_lag_events", "Events of a partition that are not committed.", labels=("topic", "partition")
        )
        for partition, lag in self._way.lag().items():
            gauge.add_metric((self._topic, str(partition)), lag)
        yield gauge
