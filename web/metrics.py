"""What web tells Prometheus: its requests, and what waits in the queues and in the topic.

The consumers could tell the same of themselves, but not once they are dead.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress

import structlog
from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from pipeline.backlog import Backlog, BacklogReader
from pipeline.places import Places
from pipeline.settings import QueueSettings

_NOTHING = Backlog((), {}, {})
_log = structlog.get_logger(__name__)


class BacklogMetrics(Collector):
    """`sqs_messages` and `kafka_consumer_lag_events`, as they were read last; what could not be read is not told."""

    def __init__(self, topic: str, registry: CollectorRegistry) -> None:
        self._topic = topic
        self._backlog = _NOTHING
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
        for partition, events in self._backlog.lag.items():
            lag.add_metric((self._topic, str(partition)), events)
        return lag


@asynccontextmanager
async def backlog_told(queues: QueueSettings, registry: CollectorRegistry, every_s: float) -> AsyncIterator[None]:
    """Have `registry` tell the backlog for as long as the block runs, read every `every_s` seconds."""
    metrics = BacklogMetrics(queues.kafka.topic, registry)
    reading = asyncio.create_task(_read_on(Places(queues), metrics, every_s))
    try:
        yield
    finally:
        reading.cancel()
        with suppress(asyncio.CancelledError):
            await reading


async def _read_on(places: Places, metrics: BacklogMetrics, every_s: float) -> None:
    async with BacklogReader.open(places) as reader:
        while True:
            try:
                metrics.show(await reader.read())
            except Exception:  # noqa: BLE001 - a defect: better unknown, which is an alert, than as it was
                metrics.show(_NOTHING)
                _log.exception("the backlog could not be read")
            await asyncio.sleep(every_s)  # a clock's tick: it waits for nothing
