"""Journeys: events that are followed by (source, id), published by whomever and whenever.

An event carries no address unless its sender waits. So the process names what it follows on the topic of journeys,
and services B and C report what they have of it and what they store from then on.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any, Literal

import structlog

from gateway.addresses import Addresses
from gateway.errors import Overloaded, RateLimited
from gateway.progress import Progress
from pipeline.clients.notifier import Notifier
from pipeline.core.identity import Identity
from pipeline.core.settings.kafka import KafkaSettings
from pipeline.events import receipts
from pipeline.events.receipts import REPEAT_S, Follow, Report
from pipeline.telemetry.metrics import GatewayMetrics

MAX_JOURNEYS = 500
"""Followed at once by one process."""

MAX_JOURNEYS_OF_KEY = 250
"""Of one key, so that others can follow too."""

_CONNECT_S = 1.0
"""Longest that the first follow is held up until receipts are read."""

_RETRY_S = 1.0
_RETRY_AFTER_S = 5

End = Literal["complete", "dead_letter", "stopping", "key_revoked", "gone"]

_log = structlog.get_logger(__name__)


class Journey:
    """One client's view of an event; it keeps the newest state alone."""

    def __init__(self, identity: Identity) -> None:
        self.identity = identity
        self.outcome: End = "gone"
        self._progress = Progress()
        self._changed = asyncio.Event()
        self._is_stopping = False

    def take(self, report: Report) -> None:
        """Note what a service reports."""
        if (report.source, report.id) == self.identity:
            self._progress.take(report)
            self._changed.set()

    def end(self) -> None:
        """The process is about to end."""
        self._is_stopping = True
        self._changed.set()

    @property
    def ended(self) -> End | None:
        """Why nothing will change any more; None where something may."""
        if self._progress.is_complete:
            return "complete"
        if self._progress.is_settled:
            return "dead_letter"
        return "stopping" if self._is_stopping else None

    async def changed(self) -> None:
        """Returns when there is something new since the last call of `state`."""
        await self._changed.wait()

    def state(self) -> dict[str, Any]:
        """What is known of the event now."""
        self._changed.clear()
        source, id_ = self.identity
        return {"source": source, "id": id_, **self._progress.known(), "complete": self._progress.is_complete}


class Journeys:
    """All journeys that this process follows."""

    def __init__(self, settings: KafkaSettings, addresses: Addresses, metrics: GatewayMetrics) -> None:
        self._addresses = addresses
        self._notifier = Notifier(settings, settings.journeys_topic)
        self._metrics = metrics
        self._open: Counter[str | None] = Counter()

    def require_room(self, publisher: str | None) -> None:
        """Raises RateLimited where the key `publisher` follows too many, Overloaded where all keys do.

        Overloaded too where the process is about to end.
        """
        if publisher and self._open[publisher] >= MAX_JOURNEYS_OF_KEY:
            raise RateLimited(
                f"this key follows {MAX_JOURNEYS_OF_KEY} journeys here, the most: close one", _RETRY_AFTER_S
            )
        if self._addresses.is_stopping or self._open.total() >= MAX_JOURNEYS:
            raise Overloaded("this process follows as many journeys as it may: try again later", _RETRY_AFTER_S)

    @asynccontextmanager
    async def follow(self, identity: Identity, publisher: str | None) -> AsyncGenerator[Journey, None]:
        """The journey of the event, followed in the block for a key. Raises RateLimited and Overloaded."""
        self.require_room(publisher)
        journey, address = Journey(identity), self._addresses.new()
        self._count(publisher, 1)
        following = asyncio.create_task(self._keep_followed(Follow(address, *identity)))
        try:
            with self._addresses.listening(address, journey):
                yield journey
        finally:
            following.cancel()
            self._count(publisher, -1)
            self._metrics.journeys[journey.outcome].inc()

    async def close(self) -> None:
        """Let go of the producer."""
        await self._notifier.close()

    def _count(self, publisher: str | None, change: int) -> None:
        self._open[publisher] += change
        if not self._open[publisher]:
            del self._open[publisher]
        self._metrics.open_journeys.set(self._open.total())

    async def _keep_followed(self, follow: Follow) -> None:
        """Name the event again and again: a follow ends by itself, and a service may have missed it."""
        await self._addresses.connected(_CONNECT_S)
        while True:
            try:
                await (await self._notifier.send(receipts.encode(follow)))
                pause_s = REPEAT_S
            except Exception as error:  # noqa: BLE001 - whatever it is, the event is named again a moment later
                _log.warning("journey not followed yet", error=repr(error))
                pause_s = _RETRY_S
            await asyncio.sleep(pause_s)
