"""Reads a topic of one partition from about its end, in no group: what is of use soon or never."""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition

from pipeline.clients import kafka
from pipeline.core.settings.kafka import KafkaSettings

_CONNECT_TIMEOUT_S = 5.0
_LONGEST_PAUSE_S = 10.0
_FETCH_WAIT_MS = 5_000
"""How long the broker holds a fetch back where nothing is there. What is written meanwhile ends it at once."""
_log = structlog.get_logger(__name__)


class TopicTail:
    """Hands the value of each record to `take`: from the end of the topic on as it is at the first `begin`.

    It begins with the records of the last `last_s` before that.
    """

    def __init__(
        self, settings: KafkaSettings, topic: str, take: Callable[[bytes | None], None], *, last_s: float = 0.0
    ) -> None:
        self._settings = settings
        self._partition = TopicPartition(topic, 0)
        self._take = take
        self._last_s = last_s
        self._has_tried = asyncio.Event()
        self._next_offset: int | None = None
        self._pause_s = 0.0
        self._reading: asyncio.Task[None] | None = None

    async def begin(self, longest_s: float) -> None:
        """Returns when what is written from now on is read, or when that was tried in vain, or after `longest_s`."""
        if not self._reading:
            self._reading = asyncio.create_task(self._keep_reading())
        with suppress(TimeoutError):
            async with asyncio.timeout(longest_s):
                await self._has_tried.wait()

    async def close(self) -> None:
        """Read no more."""
        if self._reading:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)

    async def _keep_reading(self) -> None:
        """Read, and read on after whatever fails, from where it failed."""
        while True:
            try:
                await self._read()
            except Exception as error:  # noqa: BLE001 - nothing depends on what is missed meanwhile
                _log.warning("topic can't be read", topic=self._partition.topic, error=repr(error))
            self._has_tried.set()
            self._pause_s = min(max(0.1, 2 * self._pause_s), _LONGEST_PAUSE_S)
            await asyncio.sleep(self._pause_s)

    async def _read(self) -> None:
        consumer = kafka.consumer(self._settings, fetch_wait_ms=_FETCH_WAIT_MS)
        try:
            async with asyncio.timeout(_CONNECT_TIMEOUT_S):
                await self._position(consumer)
            self._has_tried.set()
            self._pause_s = 0.0
            async for record in consumer:
                self._next_offset = record.offset + 1
                self._take(record.value)
        finally:
            await kafka.stop_consumer(consumer)

    async def _position(self, consumer: AIOKafkaConsumer) -> None:
        await consumer.start()
        consumer.assign([self._partition])
        if self._next_offset is None:
            self._next_offset = await self._first_offset(consumer)
        consumer.seek(self._partition, self._next_offset)

    async def _first_offset(self, consumer: AIOKafkaConsumer) -> int:
        end: int = (await consumer.end_offsets([self._partition]))[self._partition]
        if not self._last_s:
            return end
        since_ms = int((time.time() - self._last_s) * 1000)
        found = (await consumer.offsets_for_times({self._partition: since_ms}))[self._partition]
        return int(found.offset) if found else end
