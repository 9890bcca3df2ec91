"""From an SQS queue to an agent and back: a message is deleted when it is settled.

A message that is not settled shows up again when its visibility timeout ends, so a
crash at any point loses nothing; the stores make the repeat harmless.
"""

import asyncio
import functools
import time
import typing
from collections.abc import Callable, Sequence
from contextlib import suppress

import mode
import stamina
import structlog

from pipeline.clients.sqs import CALL_MESSAGES, Message, Queue
from pipeline.core.errors import QueueUnavailable, ReceiptExpired
from pipeline.core.settings.workers import WorkerSettings
from pipeline.events.delivery import Arrival
from streams.batch_channel import Batch, BatchChannel
from streams.in_flight import InFlight
from streams.pace import SPACING_S
from streams.rate import Rate
from streams.supervision import keep_running

_log = structlog.get_logger(__name__)

_ANSWER_S = 10
"""How much longer than its wait a call to receive may take: pipeline/clients/sqs.py gives up sooner."""
_STOP_RECEIVING_S = 3
_STOP_TIMEOUT_S = 5
"""A stop takes 10 s at most: what is not settled by then is received again."""
_WORTH_MESSAGES = 25
"""Fewer are not waited for: a call to a store costs less than the time that they would take to come."""
_DELETE_LINGER_S = 0.05
"""Longest wait for a call that deletes to fill: the store has the messages, and nobody waits for it."""


class SqsBridge(mode.Service):  # type: ignore[misc]
    """Receives, hands batches to `channel`, and deletes what was settled."""

    def __init__(
        self, queue: Queue, channel: BatchChannel, settings: WorkerSettings, stopping: Callable[[], bool]
    ) -> None:
        super().__init__()
        self.name = queue.name
        self._queue = queue
        self._channel = channel
        self._settings = settings
        self._stopping = stopping
        self.in_flight = InFlight(
            most_events=settings.in_flight_events,
            most_bytes=settings.in_flight_bytes,
            longest_s=settings.visibility_timeout_s / 3,
        )
        self._received: asyncio.Queue[list[Message]] = asyncio.Queue()
        self._rate = Rate()
        self._receivers: set[asyncio.Task[None]] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._settled: list[Message] = []
        self._deletion: asyncio.TimerHandle | None = None
        self._extending = asyncio.Lock()
        self._due: list[float] = []
        """When each call to receive that is under way has to have ended, by the monotonic clock."""
        self.answers = 0
        """How many calls to receive were answered."""
        self.outage: str | None = "nothing was received yet"
        """Why the last call to receive failed."""

    async def on_start(self) -> None:
        """Begin to receive."""
        self._add_receiver()
        for work in (self._hand_over, self._keep_hidden):
            _run(keep_running(f"{self.name}: {work.__name__}", work), self._tasks)

    async def on_stop(self) -> None:
        """Take no new work, and wait until what is in flight is settled or given back."""
        try:
            async with asyncio.timeout(_STOP_TIMEOUT_S):
                await self._stop_receiving()
                await self.in_flight.wait_until_empty()
        except TimeoutError:
            _log.warning("stopped with messages in flight", queue=self.name, messages=len(self.in_flight))
        for task in self._tasks:
            task.cancel()

    @property
    def is_asking(self) -> bool:
        """Whether a call to receive is under way that has not taken longer than it may."""
        return any(due > time.monotonic() for due in self._due)

    async def ping(self) -> None:
        """Raises QueueUnavailable where the last call to receive failed."""
        if self.outage:
            raise QueueUnavailable(f"queue {self.name}: {self.outage}")

    async def _stop_receiving(self) -> None:
        """A call to receive that is cut off would hide what it brings for nothing: they get time to end."""
        if self._receivers:
            await asyncio.wait(self._receivers, timeout=_STOP_RECEIVING_S)
        for receiver in self._receivers:
            receiver.cancel()

    def _add_receiver(self) -> None:
        if len(self._receivers) < self._settings.receivers:
            _run(keep_running(f"{self.name}: receive", self._receive), self._receivers)

    async def _receive(self) -> None:
        """Receive until the stop; one of several ends where nothing comes, and one more starts where much does."""
        task = typing.cast("asyncio.Task[None]", asyncio.current_task())
        while not self._stopping():
            await self.in_flight.wait_for_room()
            try:
                if messages := await self._poll():
                    self.in_flight.add(messages, time.monotonic() + self._settings.visibility_timeout_s)
            finally:
                self.in_flight.was_answered()
            if messages:
                self._received.put_nowait(messages)
            elif len(self._receivers) > 1:
                self._receivers.discard(task)  # at once: another one looks before this one has ended
                return
            if len(messages) == CALL_MESSAGES:
                self._add_receiver()
            elif messages:
                await asyncio.sleep(SPACING_S)

    async def _poll(self) -> list[Message]:
        """Messages, or none once the worker stops; an outage, or whatever else fails, is waited out."""
        try:
            async for attempt in stamina.retry_context(
                on=lambda _: not self._stopping(),
                attempts=None,
                timeout=None,
                wait_initial=0.1,
                wait_max=2,
                wait_jitter=0.2,
            ):
                with attempt:
                    return await self._poll_once()
        except Exception:  # noqa: BLE001 - it was logged, and the worker ends
            return []
        return []

    async def _poll_once(self) -> list[Message]:
        wait_s = 0 if self.outage else self._settings.poll_s  # a first answer is waited for
        self._due.append(due := time.monotonic() + wait_s + _ANSWER_S)
        try:
            messages = await self._queue.receive(
                visibility_timeout_s=self._settings.visibility_timeout_s, wait_s=wait_s
            )
        except Exception as error:
            _log.warning("receive failed", queue=self.name, error=repr(error))
            self.outage = repr(error)
            raise
        finally:
            self._due.remove(due)
        self.outage = None
        self.answers += 1
        return messages

    async def _hand_over(self) -> None:
        """Batches of what has come in meanwhile: one message when idle, many under load."""
        while True:
            messages, arrivals = self._arrivals(await self._filled(await self._received.get()))
            if not arrivals:
                continue
            batch = Batch(arrivals, functools.partial(self._release, messages))
            await self._channel.put(batch)
            _run(self._finish(batch, messages), self._tasks)

    def _arrivals(self, messages: list[Message]) -> tuple[list[Message], list[Arrival]]:
        """The messages that can be read, and their arrivals. The others come again, and SQS sorts them out."""
        readable: list[Message] = []
        arrivals: list[Arrival] = []
        for message in messages:
            try:
                arrivals.append(self._queue.arrival(message))
            except Exception:  # noqa: BLE001 - whatever is wrong with one, it holds up no other
                _log.exception("unreadable message", queue=self.name, message_id=message.message_id)
                self.in_flight.remove([message])
            else:
                readable.append(message)
        return readable, arrivals

    async def _filled(self, messages: list[Message]) -> list[Message]:
        """These messages with those that are there already, and under load with those that soon will be."""
        most = self._settings.batch_events - CALL_MESSAGES
        wait_s = self._settings.batch_wait_s
        deadline = time.monotonic() + (wait_s if self._rate.expected(wait_s) >= _WORTH_MESSAGES else 0)
        while len(messages) <= most:
            left_s = deadline - time.monotonic()
            if self._received.empty() and left_s <= 0:
                break
            try:
                async with asyncio.timeout(max(left_s, 0.001)):
                    messages = messages + await self._received.get()
            except TimeoutError:
                break
        self._rate.note(len(messages))
        return messages

    async def _release(self, messages: Sequence[Message], positions: Sequence[int]) -> None:
        """Delete those of a batch that are settled, while the rest goes on."""
        self._delete(self.in_flight.leave([messages[position] for position in positions]))

    async def _finish(self, batch: Batch, messages: list[Message]) -> None:
        """Let go of what the batch has not released."""
        is_settled = await batch.settled
        leaving = self.in_flight.leave(messages)
        if is_settled:
            self._delete(leaving)
        elif leaving:
            await self._let_go(leaving, is_settled=False)

    def _delete(self, messages: list[Message]) -> None:
        """Delete them, ten a call: what does not fill one waits for company."""
        self._settled += messages
        if full := len(self._settled) // CALL_MESSAGES * CALL_MESSAGES:
            self._delete_first(full)
        if self._settled and not self._deletion:
            self._deletion = asyncio.get_running_loop().call_later(_DELETE_LINGER_S, self._delete_rest)

    def _delete_rest(self) -> None:
        self._deletion = None
        if self._settled:
            self._delete_first(len(self._settled))

    def _delete_first(self, count: int) -> None:
        leaving, self._settled = self._settled[:count], self._settled[count:]
        _run(self._let_go(leaving, is_settled=True), self._tasks)

    async def _let_go(self, messages: list[Message], *, is_settled: bool) -> None:
        """Delete the messages, or give them back. Where SQS does neither, they show up again."""
        try:
            if is_settled:
                await self._queue.delete(messages)
            else:
                async with self._extending:  # an extension that is under way would hide them again
                    await self._queue.change_visibility(messages, 0)
        except Exception as error:  # noqa: BLE001 - whatever it is: they come again
            _log.warning("not deleted", queue=self.name, messages=len(messages), error=repr(error))
        finally:
            self.in_flight.remove(messages)

    async def _keep_hidden(self) -> None:
        """Extend the visibility timeout of what is long in flight, however long a store is away."""
        timeout_s = self._settings.visibility_timeout_s
        while True:
            await asyncio.sleep(timeout_s / 6)  # a clock's tick: it waits for nothing
            async with self._extending:
                await self._extend(self.in_flight.due(timeout_s * 2 / 3), timeout_s)

    async def _extend(self, due: list[Message], timeout_s: int) -> None:
        until = time.monotonic() + timeout_s
        try:
            with suppress(ReceiptExpired):  # another worker has those; the rest is hidden
                await self._queue.change_visibility(due, timeout_s)
            self.in_flight.hidden(due, until)
        except Exception as error:  # noqa: BLE001 - whatever it is: the next tick tries again
            _log.warning("visibility not extended", queue=self.name, messages=len(due), error=repr(error))


def _run(work: "asyncio._CoroutineLike[None]", tasks: set[asyncio.Task[None]]) -> None:
    task = asyncio.create_task(work)
    tasks.add(task)
    task.add_done_callback(tasks.discard)
