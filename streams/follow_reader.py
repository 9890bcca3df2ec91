"""Reads which events gateways follow, and reports what the store has of them already."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import mode
import structlog

from pipeline.clients.topic_tail import TopicTail
from pipeline.core.errors import Rejected, StoreUnavailable
from pipeline.core.identity import Identity
from pipeline.core.settings.kafka import KafkaSettings
from pipeline.core.ways import Store, Via
from pipeline.events import receipts
from pipeline.events.receipts import FOLLOW_S, REPEAT_S, Follow, Report
from streams.receipt_writer import ReceiptWriter
from streams.store import Copy
from streams.supervision import keep_running

_MOST_LOOK_UPS = 1_000
"""Follows whose event is still to be looked up; a gateway repeats one that is left out."""

LookUp = Callable[[Identity], Awaitable[Sequence[tuple[Via, Copy]]]]
"""What the store has of an event, by each way. Raises StoreUnavailable."""

_log = structlog.get_logger(__name__)


class FollowReader(mode.Service):  # type: ignore[misc]
    """Reads what gateways follow, and reports what the store has of it.

    A follow counts for what is stored from now on before the store is asked for what it has: an event that is
    stored meanwhile is reported twice, and none is missed.
    """

    def __init__(self, settings: KafkaSettings, store: Store, look_up: LookUp, writer: ReceiptWriter) -> None:
        super().__init__()
        self._store = store
        self._look_up = look_up
        self._writer = writer
        self._tail = TopicTail(settings, settings.journeys_topic, self._take, last_s=REPEAT_S)
        self._wanted: asyncio.Queue[Follow] = asyncio.Queue(_MOST_LOOK_UPS)
        self._looking: asyncio.Task[None] | None = None

    async def on_start(self) -> None:
        """Begin to read; Kafka may be away."""
        self._looking = asyncio.create_task(keep_running("look up what is followed", self._look_all_up))
        await self._tail.begin(0)

    async def on_stop(self) -> None:
        """Read no more."""
        await self._tail.close()
        if self._looking:
            self._looking.cancel()

    def _take(self, value: bytes | None) -> None:
        if follow := receipts.decode_follow(value):
            self._writer.followed.add(follow)
            if not self._wanted.full():
                self._wanted.put_nowait(follow)

    async def _look_all_up(self) -> None:
        while True:
            follow = await self._next()
            try:
                held = await self._look_up((follow.source, follow.id))
            except (StoreUnavailable, Rejected) as error:  # no store can have what somebody else follows so
                _log.warning("not looked up for a journey", error=str(error))
            else:
                self._writer.report([self._report(follow, via, copy) for via, copy in held])

    async def _next(self) -> Follow:
        """The follow that is next; where none comes for a while, those that have expired are let go of."""
        while True:
            try:
                async with asyncio.timeout(FOLLOW_S if self._writer.followed else None):
                    return await self._wanted.get()
            except TimeoutError:
                self._writer.followed.expire()

    def _report(self, follow: Follow, via: Via, copy: Copy) -> Report:
        return Report(follow.reply_to, follow.source, follow.id, self._store, via, **copy._asdict())
