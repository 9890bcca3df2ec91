"""Durations of calls to SNS, SQS and Kafka (semantic conventions: messaging.client.operation.duration)."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from prometheus_client import CollectorRegistry

from pipeline.telemetry.histogram import SECONDS, Histogram

_NONE, _OTHER = "", "_OTHER"


class Calls:
    """The calls of one client to one destination."""

    def __init__(
        self, histogram: Histogram, system: str, destination: str, operations: Sequence[str], errors: Sequence[str]
    ) -> None:
        self._series = {
            (operation, error): histogram.labels(system, operation, destination, error)
            for operation in operations
            for error in (_NONE, *errors, _OTHER)
        }

    def record(self, operation: str, seconds: float, error: BaseException | None = None) -> None:
        """A call that took so long, and failed with `error` where there is one."""
        kind = type(error).__name__ if error else _NONE
        series = self._series.get((operation, kind)) or self._series[operation, _OTHER]
        series.observe(seconds)

    @contextmanager
    def timed(self, operation: str) -> Iterator[None]:
        """Record the call that the block makes; one that is broken off from outside is not recorded."""
        started = time.perf_counter()
        try:
            yield
        except Exception as error:
            self.record(operation, time.perf_counter() - started, error)
            raise
        self.record(operation, time.perf_counter() - started)


class CallMetrics:
    """The metric of all calls of one process."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._histogram = Histogram(
            registry,
            "messaging_client_operation_duration_seconds",
            "Time of a call to a messaging system.",
            ("messaging_system", "messaging_operation_name", "messaging_destination_name", "error_type"),
            SECONDS,
        )

    def sns(self, topic_arn: str) -> Calls:
        """The calls that publish to a topic; its name is the last part of its ARN."""
        topic = topic_arn.rpartition(":")[2]
        return Calls(self._histogram, "aws.sns", topic, ("send",), ("LegUnavailable", "LegRefused"))

    def kafka(self, topic: str) -> Calls:
        """The sends to a topic."""
        return Calls(self._histogram, "kafka", topic, ("send",), ("LegUnavailable",))

    def queue(self, queue_url: str) -> Calls:
        """A consumer's calls on its queue; the queue's name is the last part of its URL."""
        return self._sqs(queue_url, ("receive", "delete", "change_visibility"))

    def dead_letter_queue(self, queue_url: str) -> Calls:
        """The sends of dead letters."""
        return self._sqs(queue_url, ("send",))

    def _sqs(self, queue_url: str, operations: Sequence[str]) -> Calls:
        return Calls(self._histogram, "aws_sqs", queue_url.rpartition("/")[2], operations, ("CallFailed",))
