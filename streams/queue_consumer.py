"""The SQS way of a worker: a bridge from the queue, and the agent that settles what it brings."""

from collections.abc import Callable, Hashable
from typing import Any

import faust

from pipeline.clients.sqs import Queue
from pipeline.core.settings.workers import WorkerSettings
from streams.batch_channel import BatchChannel
from streams.in_flight import InFlight
from streams.intake import Intake, Interrupted
from streams.sqs_bridge import SqsBridge


class QueueConsumer:
    """Gives `app` the bridge and the agent; the watch sees in it whether messages are settled."""

    def __init__(self, app: faust.App, intake: Intake, queue: Queue, settings: WorkerSettings) -> None:
        self.name = f"settling messages of {queue.name}"
        channel = BatchChannel(app)
        stopping: Callable[[], bool] = lambda: app.should_stop  # noqa: E731
        self._intake = intake
        self._bridge = SqsBridge(queue, channel, settings, stopping)
        self.receiving = Receiving(self._bridge)
        app.service(self._bridge)

        @app.agent(channel, name=queue.name)  # type: ignore[untyped-decorator]
        async def settle(batches: Any) -> None:
            async for batch in batches:
                try:
                    await intake.settle(batch.arrivals, stopping, batch.release)
                    is_settled = True
                except Interrupted:
                    is_settled = False
                if not batch.settled.done():  # a stop that took too long has cancelled it
                    batch.settled.set_result(is_settled)

    @property
    def in_flight(self) -> InFlight:
        """What was received and not yet let go of."""
        return self._bridge.in_flight

    async def ping(self) -> None:
        """Raises QueueUnavailable where the queue can't be received from."""
        await self._bridge.ping()

    def progress(self) -> Hashable:
        """How many messages were let go of."""
        return self.in_flight.removed

    def is_behind(self) -> bool:
        """Whether messages are in flight."""
        return len(self.in_flight) > 0

    async def obstacle(self) -> str | None:
        """The store that is away, or is asked."""
        return self._intake.obstacle


class Receiving:
    """What the watch sees of a bridge: whether it goes on asking for messages."""

    def __init__(self, bridge: SqsBridge) -> None:
        self.name = f"receiving messages of {bridge.name}"
        self._bridge = bridge

    def progress(self) -> Hashable:
        """How many calls were answered."""
        return self._bridge.answers

    def is_behind(self) -> bool:
        """Whether it may ask and doesn't: a long poll may take as long as it was made for."""
        return not self._bridge.in_flight.is_full and not self._bridge.is_asking

    async def obstacle(self) -> str | None:
        """SQS that is away."""
        return self._bridge.outage
