"""The Kafka way of a worker: a Faust app of its own inside the worker's.

Faust starts what it has one after another, and its producer first: with Kafka away, one
app for both ways would not come up, and the queue would stand still for Kafka's sake.
"""

from collections.abc import Hashable

import faust
import mode
import stamina
import structlog
from aiokafka.errors import KafkaConnectionError

from pipeline.clients import kafka_access
from pipeline.core.errors import AccessRefused, QueueUnavailable
from pipeline.core.settings.kafka import KafkaSettings
from streams.intake import Intake

_log = structlog.get_logger(__name__)

_FIRST_GENERATION = 1
"""Of a group, by Kafka's count; Faust has 0 until its first assignment, and aiokafka -1 while it is no member."""


class KafkaConsumer(mode.Service):  # type: ignore[misc]
    """Runs `app`, a Faust app with a consumer, from when Kafka answers until the worker's stop."""

    def __init__(self, app: faust.App, intake: Intake, settings: KafkaSettings, topic: str) -> None:
        super().__init__()
        self.name = f"topic {topic}"
        self._topic = topic
        self._app = app
        self._intake = intake
        self._settings = settings

    @mode.Service.task  # type: ignore[untyped-decorator]
    async def _run(self) -> None:
        """Start the app; what it raises later ends the worker, which is then started again."""
        async for attempt in stamina.retry_context(
            on=KafkaConnectionError, attempts=None, timeout=None, wait_initial=0.2, wait_max=2, wait_jitter=0.2
        ):
            with attempt:
                await self._reach()
        await self.add_runtime_dependency(self._app)

    async def ping(self) -> None:
        """Raises QueueUnavailable where Kafka is away, or where the worker is not yet a member of its group."""
        if not self._app.started or self._app.consumer_generation_id < _FIRST_GENERATION:
            raise QueueUnavailable("kafka: the worker has not joined its group")
        try:
            await self._reach()
        except (KafkaConnectionError, AccessRefused) as error:
            raise QueueUnavailable(f"kafka: {error}") from error

    def progress(self) -> Hashable:
        """The generation of the group, and the offset that each partition is settled up to."""
        return self._app.consumer_generation_id, tuple(sorted(self._reached().items()))

    def is_behind(self) -> bool:
        """Whether a rebalance is under way, or the topic has something to read that is not settled."""
        return self._app.started and (self._app.rebalancing or any(lag > 0 for lag in self.lag().values()))

    async def obstacle(self) -> str | None:
        """The store that is away, or is asked, or Kafka."""
        if self._intake.obstacle:
            return self._intake.obstacle
        try:
            await self._reach()
        except (KafkaConnectionError, AccessRefused) as error:
            return str(error)
        return None

    def lag(self) -> dict[int, int]:
        """How many offsets of each partition that this worker has are not settled: what cannot be read is none."""
        ends = {tp: (self._app.consumer.highwater(tp), reached) for tp, reached in self._reached().items()}
        return {
            tp.partition: max(0, end - reached)
            for tp, (end, reached) in ends.items()
            if end is not None and reached is not None
        }

    def _reached(self) -> dict[faust.types.TP, int | None]:
        reached: dict[faust.types.TP, int | None] = self._app.consumer.reached() if self._app.started else {}
        return reached

    async def _reach(self) -> None:
        """Raises KafkaConnectionError where no broker answers, and AccessRefused where one refuses this service."""
        topics = (self._topic, self._settings.dead_letter_topic)
        await kafka_access.require(self._settings, topics=topics, group=self._app.conf.id)
