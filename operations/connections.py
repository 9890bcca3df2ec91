"""The places that tools and pages reach into, each opened when it is used: queues, topic, dead letters."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Literal

from operations.dead_letter_queue import DeadLetterQueueReader
from operations.dead_letter_topic import DeadLetterTopicReader, TopicReading
from operations.dead_letters import Place, Reading
from operations.resending import QueueResender, Resender, TopicResender, producing
from pipeline.clients.aws import Endpoint
from pipeline.clients.aws_json import JsonApi
from pipeline.clients.sqs import Queue
from pipeline.core.settings.tools import QueueSettings
from pipeline.core.ways import WAYS

PLACES: tuple[Place, ...] = tuple(way.key for way in WAYS)
_SERVICES = {way.key: way.service for way in WAYS}


@dataclass(frozen=True)
class Connections:
    """The places of one system; `endpoint` is that of SQS where the AWS SDK's own settings don't name it."""

    settings: QueueSettings
    endpoint: Endpoint | None = None

    @asynccontextmanager
    async def queue(self, name: Literal["b", "c", "pending"], *, dead: bool = False) -> AsyncIterator[Queue]:
        """Queue b or c, or the dead-letter queue of it; or the pending queue, which has none."""
        settings = self.settings
        urls = {
            ("b", False): settings.queue_b_url,
            ("c", False): settings.queue_c_url,
            ("pending", False): settings.pending_queue_url,
            ("b", True): settings.dead_letter_b_url,
            ("c", True): settings.dead_letter_c_url,
        }
        queue = Queue(urls[name, dead], JsonApi("sqs", self.endpoint))
        try:
            yield queue
        finally:
            await queue.close()

    @asynccontextmanager
    async def dead_letters(self, place: Place) -> AsyncIterator[Reading]:
        """A reading of the dead letters of `place`. Raises QueueUnavailable."""
        if place == "kafka":
            async with self.dead_letter_topic() as reading:
                yield reading
            return
        async with (
            self.queue(place) as origin,
            self.queue(place, dead=True) as queue,
            DeadLetterQueueReader(place, queue, origin, _SERVICES[place]).open() as reading,
        ):
            yield reading

    def dead_letter_topic(self) -> AbstractAsyncContextManager[TopicReading]:
        """A reading of Kafka's dead letters that can also erase. Raises QueueUnavailable."""
        return DeadLetterTopicReader(self.settings.kafka).open()

    @asynccontextmanager
    async def resender(self, place: Place) -> AsyncIterator[Resender]:
        """Where events are sent for the consumer of `place` alone. Raises QueueUnavailable."""
        if place == "kafka":
            async with producing(self.settings.kafka) as producer:
                yield TopicResender(producer, self.settings.kafka.topic)
            return
        async with self.queue(place) as queue:
            yield QueueResender(queue)
