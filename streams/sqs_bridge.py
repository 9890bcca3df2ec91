"""From an SQS queue to an agent and back: a message is deleted when it is settled.

A message that is not settled shows up again when its visibility timeout ends, so a
crash at any point loses nothing; the stores make the repeat harmless.
"""

import asyncio
from collections.abc import Callable

import mode
import stamina
import structlog

from pipeline.aws import client
from pipeline.settings import WorkerSettings
from streams.batch_channel import Batch, BatchChannel
from streams.sqs_queue import ERRORS, Message, PartlyFailed, SqsQueue

log = structlog.get_logger(__name__)

_STOP_TIMEOUT_S = 8
"""A stop takes 10 s at most: what is not settled by then is received again."""


class SqsBridge(mode.Service):  # type: ignore[misc]
    """Receives, hands batches to `channel`, and deletes what was settled."""

    def __init__(
        self, queue_url: str, channel: BatchChannel, settings: WorkerSettings, stopping: Callable[[], bool]
    ) -> None:
        super().__init__()
        self._queue_url = queue_url
        self._channel = channel
        self._settings = settings
        self._stopping = stopping
        self._received: asyncio.Queue[Message] = asyncio.Queue(maxsize=settings.batch_events)
        self._held: dict[str, Message] = {}
        self._finishing: set[asyncio.Task[None]] = set()

    async def on_start(self) -> None:
        """Begin to receive."""
        self._queue = SqsQueue(await self.add_async_context(client("sqs")), self._queue_url)
        self._receivers = [asyncio.create_task(self._receive()) for _ in range(self._settings.receivers)]
        self._workers = [asyncio.create_task(self._hand_over()), asyncio.create_task(self._keep_hidden())]

    async def on_stop(self) -> None:
        """Take no new work, and wait until what is in flight is settled or given back."""
        try:
            async with asyncio.timeout(_STOP_TIMEOUT_S):
                await asyncio.gather(*self._receivers)
                await self._received.join()
        except TimeoutError:
            log.warning("stopped with messages in flight", queue=self._queue.name, messages=len(self._held))
        for task in (*self._receivers, *self._workers, *self._finishing):
            task.cancel()

    async def _receive(self) -> None:
        while not self._stopping():
            for message in await self._poll():
                self._held[message["ReceiptHandle"]] = message
                await self._received.put(message)

    async def _poll(self) -> list[Message]:
        """Messages, or none once the worker stops; an outage of SQS is waited out."""
        try:
            async for attempt in stamina.retry_context(
                on=self._goes_on_after, attempts=None, timeout=None, wait_initial=0.1, wait_max=2
            ):
                with attempt:
                    return await self._queue.receive(
                        visibility_timeout_s=self._settings.visibility_timeout_s, wait_s=self._settings.poll_s
                    )
        except ERRORS as error:
            log.warning("receive failed", queue=self._queue.name, error=str(error))
        return []

    def _goes_on_after(self, error: Exception) -> bool:
        return isinstance(error, ERRORS) and not self._stopping()

    async def _hand_over(self) -> None:
        """Batches of what has come in meanwhile: one message when idle, many under load."""
        while True:
            messages = [await self._received.get()]
            while len(messages) < self._settings.batch_events and not self._received.empty():
                messages.append(self._received.get_nowait())
            batch = Batch([self._queue.arrival(message) for message in messages])
            await self._channel.put(batch)
            task = asyncio.create_task(self._finish(batch, messages))
            self._finishing.add(task)
            task.add_done_callback(self._finishing.discard)

    async def _finish(self, batch: Batch, messages: list[Message]) -> None:
        """Delete the batch, or give it back. Where SQS does neither, its messages show up again."""
        settled = await batch.settled
        for message in messages:
            self._held.pop(message["ReceiptHandle"])
        try:
            if settled:
                await self._queue.delete(messages)
            else:
                await self._queue.change_visibility(messages, 0)
        except (*ERRORS, PartlyFailed) as error:
            log.warning("not deleted", queue=self._queue.name, messages=len(messages), error=str(error))
        finally:
            for _ in messages:
                self._received.task_done()

    async def _keep_hidden(self) -> None:
        """Extend the visibility timeout of all that is in flight, however long a store is away."""
        while True:
            await asyncio.sleep(self._settings.visibility_timeout_s / 3)
            if not self._held:
                continue
            try:
                await self._queue.change_visibility(list(self._held.values()), self._settings.visibility_timeout_s)
            except (*ERRORS, PartlyFailed) as error:
                log.warning("visibility not extended", queue=self._queue.name, error=str(error))
