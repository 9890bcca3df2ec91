"""What waits in the queues and in Kafka: over the time of a run, and until nothing is left."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx

from bench.rigs.waiting import places
from operations.backlog import BacklogReader
from stack.http_client import http_client
from tests.chaos.rig import SERVICES, Rig

_EVERY_S = 0.5
_DEADLINE_S = 120.0
_ANSWER_S = 5.0
_QUIET_LOOKS = 3


@dataclass(frozen=True)
class Sample:
    """What waited at a moment (epoch seconds): messages in queues b and c, received or not, and Kafka's lag of C.

    `pending` are the events that one broker holds for the other.
    """

    at: float
    queue_b: int
    queue_c: int
    kafka: int
    pending: int = 0

    @property
    def is_empty(self) -> bool:
        """Whether nothing waits."""
        return not (self.queue_b or self.queue_c or self.kafka or self.pending)


class Backlog:
    """Looks past the proxies; `samples` are those that were answered."""

    def __init__(self, rig: Rig, reader: BacklogReader) -> None:
        self._rig = rig
        self._reader = reader
        self.samples: list[Sample] = []

    @classmethod
    @asynccontextmanager
    async def watched(cls, rig: Rig) -> AsyncIterator["Backlog"]:
        """A sample every half second for as long as the block runs."""
        async with BacklogReader.open(places(rig.endpoints, rig.emulator)) as reader:
            backlog = cls(rig, reader)
            watching = asyncio.create_task(backlog._watch())
            try:
                yield backlog
            finally:
                watching.cancel()
                await asyncio.wait((watching,))

    async def drained(self) -> bool:
        """Wait until nothing waits, and every service is ready; False where that is not so after two minutes."""
        deadline, quiet, looked = time.monotonic() + _DEADLINE_S, 0, 0
        while quiet < _QUIET_LOOKS and time.monotonic() < deadline:
            await asyncio.sleep(_EVERY_S / 3)
            if len(self.samples) > looked:
                looked = len(self.samples)
                quiet = quiet + 1 if self.samples[-1].is_empty and await self._are_ready() else 0
        return quiet == _QUIET_LOOKS

    async def _watch(self) -> None:
        while True:
            read = await self._reader.read()
            if not read.unavailable:
                depths = {queue.place: sum(queue.depth) for queue in read.queues if not queue.dead}
                pending = sum(read.pending().values())
                self.samples.append(Sample(time.time(), depths["b"], depths["c"], sum(read.lag.values()), pending))
            await asyncio.sleep(_EVERY_S)

    async def _are_ready(self) -> bool:
        return all(await asyncio.gather(*(is_ready(self._rig, service) for service in SERVICES)))


async def is_ready(rig: Rig, service: str) -> bool:
    """Whether `service` says that it is."""
    async with http_client(timeout=_ANSWER_S) as client:
        try:
            return (await client.get(f"{rig.url(service)}/readyz")).is_success
        except httpx.TransportError:
            return False
