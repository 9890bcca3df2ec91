"""What is no event, sent past the gateway to the SNS topic and to Kafka: it has to become dead letters."""

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaProducer

from bench.errors import DoesNotCount
from bench.rigs import topic
from bench.rigs.system import System
from pipeline.clients.aws import client

_BODY = '{"specversion": "1.0", "id": '
_MOST_ENTRIES = 10
_POLL_S = 0.1


class Poison:
    """Publishes poison to one system; `sent` tells how much."""

    def __init__(self, system: System, sns: Any, sqs: Any, producer: AIOKafkaProducer) -> None:
        self.sent = 0
        self._told = system.endpoints
        self._sns = sns
        self._sqs = sqs
        self._producer = producer
        self._letters_before: tuple[int, ...] = ()

    @classmethod
    @asynccontextmanager
    async def connected(cls, system: System) -> AsyncGenerator["Poison", None]:
        """A sender with connections of its own."""
        async with (
            client("sns", system.aws) as sns,
            client("sqs", system.aws) as sqs,
            AIOKafkaProducer(bootstrap_servers=system.endpoints["kafka"], acks="all") as producer,
        ):
            poison = cls(system, sns, sqs, producer)
            poison._letters_before = await poison._letters()
            yield poison

    async def publish(self, per_s: float, seconds: float) -> None:
        """Publish at an even pace, ten at once."""
        begun = time.perf_counter()
        for number in range(max(int(per_s * seconds / _MOST_ENTRIES), 1)):
            await asyncio.sleep(begun + number * _MOST_ENTRIES / per_s - time.perf_counter())
            entries = [{"Id": str(entry), "Message": _BODY} for entry in range(_MOST_ENTRIES)]
            records = [self._producer.send_and_wait(self._told["kafka_topic"], _BODY.encode()) for _ in entries]
            call = self._sns.publish_batch(TopicArn=self._told["topic_arn"], PublishBatchRequestEntries=entries)
            await asyncio.gather(call, *records)
            self.sent += _MOST_ENTRIES

    async def are_all_dead_letters(self, within_s: float) -> None:
        """Wait until each is a dead letter of B, of C's queue, and of the topic. Raises DoesNotCount."""
        deadline = time.monotonic() + within_s
        while (found := await self._new_letters()) != [self.sent] * 3:
            if time.monotonic() > deadline:
                raise DoesNotCount(f"{self.sent} poison by each way, and dead letters of b, c and Kafka: {found}")
            await asyncio.sleep(_POLL_S)

    async def _new_letters(self) -> list[int]:
        now = await self._letters()
        return [letters - before for letters, before in zip(now, self._letters_before, strict=True)]

    async def _letters(self) -> tuple[int, ...]:
        queues = [self._told["dead_letter_b"], self._told["dead_letter_c"]]
        counts = await asyncio.gather(*(self._in_queue(queue) for queue in queues))
        return (*counts, await topic.records(self._told["kafka"], self._told["kafka_dead_letter_topic"]))

    async def _in_queue(self, url: str) -> int:
        name = "ApproximateNumberOfMessages"  # the emulator's is exact
        answer = await self._sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[name])
        return int(answer["Attributes"][name])
