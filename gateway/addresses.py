"""The addresses of this process that services B and C report to, and who listens at each."""

import itertools
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from pipeline.clients.topic_tail import TopicTail
from pipeline.core.settings.kafka import KafkaSettings
from pipeline.events import receipts
from pipeline.events.receipts import Report


class Listener(Protocol):
    """A request that reports are for."""

    def take(self, report: Report) -> None:
        """Note what a service reports, however often it does."""

    def end(self) -> None:
        """The process is about to end: have the request end too."""


class Addresses:
    """Reads the topic of receipts from its end, from the first listener on, and hands each report to its listener."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._tail = TopicTail(settings, settings.receipts_topic, self._decode)
        self._process = secrets.token_hex(8)
        self._numbers = itertools.count(1)
        self._listeners: dict[str, Listener] = {}
        self.is_stopping = False

    def new(self) -> str:
        """An address that nobody else has."""
        return f"{self._process}-{next(self._numbers):x}"

    @contextmanager
    def listening(self, address: str, listener: Listener) -> Iterator[None]:
        """Have `listener` get what is reported to `address` in the block."""
        self._listeners[address] = listener
        try:
            yield
        finally:
            del self._listeners[address]

    async def connected(self, longest_s: float) -> None:
        """Returns when what is reported from now on is read, or when that was tried in vain, or after `longest_s`."""
        await self._tail.begin(longest_s)

    def take(self, report: Report) -> None:
        """Let the listener at the report's address know of it; where none is left, nothing."""
        if listener := self._listeners.get(report.reply_to):
            listener.take(report)

    def stop(self) -> None:
        """End what listens, and let nothing begin: the process is about to end."""
        self.is_stopping = True
        for listener in list(self._listeners.values()):
            listener.end()

    async def close(self) -> None:
        """Read receipts no more."""
        await self._tail.close()

    def _decode(self, value: bytes | None) -> None:
        if report := receipts.decode(value):
            self.take(report)
