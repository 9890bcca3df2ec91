"""Sends notices to a topic of one partition: what is of use at once or never, so that nothing waits for it."""

import asyncio
import time
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaConnectionError

from pipeline.clients import kafka
from pipeline.core.settings.kafka import KafkaSettings

_TIMEOUT_S = 5.0
_PAUSE_S = 1.0
"""Between two attempts to reach Kafka."""


class Notifier:
    """A producer of its own, made with the first notice."""

    def __init__(self, settings: KafkaSettings, topic: str) -> None:
        self._settings = settings
        self._topic = topic
        self._producer: AIOKafkaProducer | None = None
        self._connecting = asyncio.Lock()
        self._connects_from = 0.0

    async def send(self, value: bytes) -> "asyncio.Future[Any]":
        """Send it; the future ends once a replica has it. Raises KafkaError, for a while without asking again."""
        producer = await self._connected()
        sent: asyncio.Future[Any] = await producer.send(self._topic, value, partition=0)
        return sent

    async def close(self) -> None:
        """Let go of the producer."""
        producer, self._producer = self._producer, None
        if producer:
            await kafka.stop(producer)

    async def _connected(self) -> AIOKafkaProducer:
        async with self._connecting:
            if self._producer:
                return self._producer
            if time.monotonic() < self._connects_from:
                raise KafkaConnectionError("no broker answered a moment ago")
            producer = kafka.notifier(self._settings, timeout_s=_TIMEOUT_S)
            try:
                async with asyncio.timeout(_TIMEOUT_S):
                    await producer.start()
            except BaseException:
                self._connects_from = time.monotonic() + _PAUSE_S
                await kafka.stop(producer)
                raise
            self._producer = producer
            return producer
