"""Requests that wait until their events are stored, each with an address that services B and C report to."""

import asyncio
import itertools
import secrets
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from gateway import publication
from gateway.inbound import ClientGone
from gateway.publication import Publication
from gateway.receipts import ReceiptReader
from pipeline.core.settings import KafkaSettings
from pipeline.events.receipts import Report
from pipeline.telemetry.metrics import GatewayMetrics

MAX_EVENTS = 10_000
"""Events that are waited for at once: a preference is no right, and what is over it is answered with 202 at once."""

_CONNECT_S = 1.0
"""Longest that a first publication is held up until receipts are read."""

_WAYS = (("postgres", "sqs"), ("dynamodb", "sqs"), ("dynamodb", "kafka"))
Identity = tuple[str, str]


class Progress:
    """Where one event has got to."""

    __slots__ = ("_copies", "_received_at", "dead_letters")

    def __init__(self, received_at: str) -> None:
        self._received_at = received_at
        self._copies: dict[tuple[str, str], dict[str, Any]] = {}
        self.dead_letters: list[dict[str, str]] = []

    @property
    def is_complete(self) -> bool:
        """Whether every way has stored it."""
        return len(self._copies) == len(_WAYS)

    def take(self, report: Report) -> None:
        """Note what a service reports, however often it does."""
        way = (report.store, report.via)
        if report.dead_letter is not None:
            letter = {"store": report.store, "via": report.via, "reason": report.dead_letter}
            if letter not in self.dead_letters and len(self.dead_letters) < len(_WAYS):
                self.dead_letters.append(letter)
        elif way in _WAYS:
            self._copies[way] = {"stored_at": report.stored_at, "via": report.via, "origin": report.origin}
            if report.store == "postgres" and report.received_at:
                self._received_at = report.received_at

    def receipt(self) -> dict[str, Any]:
        """The receipt, as GET /event of the query has it."""
        return {
            "received_at": self._received_at,
            "postgres": self._copies.get(("postgres", "sqs")),
            "dynamodb": {via: self._copies.get(("dynamodb", via)) for via in ("sqs", "kafka")},
        }


class Wait:
    """One request's wait for its events, at most until `deadline` by the loop's clock.

    `publications` are what to publish, with the address to report to where there is one.
    """

    def __init__(self, publications: list[Publication], deadline: float, address: str = "") -> None:
        self.publications = publications
        self.address = address
        self.waited_s = 0.0
        self._deadline = deadline
        self._progress = {(each.source, each.id): Progress(each.received_at) for each in publications}
        self._left = set(self._progress)
        self._ended = asyncio.get_running_loop().create_future()

    @property
    def left_s(self) -> float:
        """How long it still lasts."""
        return max(0.0, self._deadline - asyncio.get_running_loop().time())

    @property
    def is_complete(self) -> bool:
        """Whether every way has stored every event."""
        return not self._left

    def of(self, identity: Identity) -> dict[str, Any]:
        """What is known of the event: its receipt, and its dead letters where there are some."""
        progress = self._progress[identity]
        letters = {"dead_letters": progress.dead_letters} if progress.dead_letters else {}
        return {"receipt": progress.receipt(), **letters}

    def take(self, report: Report) -> None:
        """Note what a service reports; the wait ends where all is stored, or one event never will be."""
        identity = (report.source, report.id)
        if not (progress := self._progress.get(identity)):
            return
        progress.take(report)
        if progress.is_complete:
            self._left.discard(identity)
        if progress.dead_letters or not self._left:
            self.end()

    def end(self) -> None:
        """Wait no longer."""
        if not self._ended.done():
            self._ended.set_result(None)

    async def until_ended(self, disconnected: Callable[[], Awaitable[None]]) -> None:
        """Returns when it has ended. Raises ClientGone where `disconnected` returns before."""
        begun = asyncio.get_running_loop().time()
        gone = asyncio.ensure_future(disconnected())
        try:
            await asyncio.wait((self._ended, gone), timeout=self.left_s, return_when=asyncio.FIRST_COMPLETED)
            if gone.done() and not self._ended.done():
                raise ClientGone
        finally:
            gone.cancel()
            self.waited_s = asyncio.get_running_loop().time() - begun


class Waits:
    """All waits of this process, by their addresses."""

    def __init__(self, settings: KafkaSettings, metrics: GatewayMetrics) -> None:
        self._reader = ReceiptReader(settings, self.take)
        self._metrics = metrics
        self._process = secrets.token_hex(8)
        self._numbers = itertools.count(1)
        self._waits: dict[str, Wait] = {}
        self._events = 0
        self._is_stopping = False

    @asynccontextmanager
    async def begin(self, publications: list[Publication], wait_s: float) -> AsyncGenerator[Wait | None, None]:
        """A wait for what is published in the block; None where the preference can't be met.

        That is where too many events are waited for, or an event is too large to carry an address.
        """
        now = asyncio.get_running_loop().time()
        if not wait_s or self._is_stopping:
            yield Wait(publications, now)
        elif wait := self._addressed(publications, now + wait_s):
            with self._reported_to(wait):
                await self._reader.begin(min(_CONNECT_S, wait.left_s))
                yield wait
        else:
            self._metrics.waits["refused"].inc()
            yield None

    def stop(self) -> None:
        """End all waits, and let none begin: the process is about to end."""
        self._is_stopping = True
        for wait in self._waits.values():
            wait.end()

    async def close(self) -> None:
        """Read receipts no more."""
        await self._reader.close()

    def _addressed(self, publications: list[Publication], deadline: float) -> Wait | None:
        if self._events + len(publications) > MAX_EVENTS:
            return None
        address = f"{self._process}-{next(self._numbers):x}"
        asking = [publication.replying_to(address, each) for each in publications]
        carrying = [each for each in asking if each]
        return Wait(carrying, deadline, address) if len(carrying) == len(publications) else None

    @contextmanager
    def _reported_to(self, wait: Wait) -> Iterator[None]:
        events = len(wait.publications)
        self._waits[wait.address] = wait
        self._events += events
        try:
            yield
        finally:
            del self._waits[wait.address]
            self._events -= events
            self._metrics.waits["stored" if wait.is_complete else "not_stored"].inc()

    def take(self, report: Report) -> None:
        """Let the wait that a report is for know of it; of one that is over, nothing."""
        if wait := self._waits.get(report.reply_to):
            wait.take(report)
