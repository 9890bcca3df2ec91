"""What is not through the system yet: without its 202, in a queue, or in the topic.

The stores would show it too, but DynamoDB would have to read every item for that, each time.
"""

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from bench.rigs.steady_sender import SteadySender
from bench.rigs.system import System
from operations.backlog import BacklogReader
from operations.connections import Connections
from pipeline.clients.aws import Endpoint
from pipeline.clients.sqs import PENDING_QUEUE, queue_beside
from pipeline.core.settings.kafka import KafkaSettings
from pipeline.core.settings.tools import QueueSettings


@dataclass(frozen=True)
class Backlog:
    """How many events wait at the gateway for their 202, and in each queue and the topic, by its name."""

    unaccepted: int
    queued: dict[str, int]

    @property
    def events(self) -> int:
        """How many of what was due. An event is in both queues and in the topic: that where most wait counts."""
        return self.unaccepted + max(self.queued.values(), default=0)

    @property
    def place(self) -> str:
        """Where most of them wait."""
        return max((self.queued | {"gateway": self.unaccepted}).items(), key=lambda each: each[1])[0]


class Waiting:
    """Reads it as often as it is asked; what can't be read is as it was."""

    def __init__(self, reader: BacklogReader) -> None:
        self._reader = reader
        self._queued: dict[str, int] = {}

    async def backlog(self, sender: SteadySender) -> Backlog:
        """What waits now of what `sender` had due."""
        read = await self._reader.read()
        self._queued |= {queue.place: sum(queue.depth) for queue in read.queues if not queue.dead}
        if "kafka" not in read.unavailable:
            self._queued["kafka"] = sum(read.lag.values())
        return Backlog(sender.unaccepted, dict(self._queued))


@asynccontextmanager
async def watched(system: System) -> AsyncGenerator[Waiting, None]:
    """What waits in `system`."""
    async with BacklogReader.open(places(system.endpoints, system.aws)) as reader:
        yield Waiting(reader)


def places(endpoints: Mapping[str, str], sqs: Endpoint) -> Connections:
    """The places of a system with these addresses, by the names of endpoints.json."""
    urls = {f"{name}_url": endpoints[name] for name in ("queue_b", "queue_c", "dead_letter_b", "dead_letter_c")}
    urls["pending_queue_url"] = queue_beside(endpoints["queue_b"], PENDING_QUEUE)
    return Connections(QueueSettings(**urls, kafka=KafkaSettings(bootstrap_servers=endpoints["kafka"])), sqs)
