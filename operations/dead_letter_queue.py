"""The dead letters of an SQS queue.

SQS shows messages only to who receives them. So a reading receives all of them, keeps
them hidden for as long as it lasts, and gives back at its end what it has not removed.
A reader that is killed gives them back when their visibility timeout ends. The
dead-letter queues have no redrive of their own, so the receive count decides nothing,
and SQS counts the retention from the first day on, however often they are received.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence

import structlog

from operations.dead_letters import MAX_RECEIVES, DeadLetter, Place, Reading
from operations.resending import QueueResender
from pipeline.clients.sqs import Message, Queue
from pipeline.core.errors import QueueUnavailable, Rejected
from pipeline.events.envelope import around_message, enclosed, open_envelope, too_large

VISIBILITY_TIMEOUT_S = 60
"""How long letters stay hidden after a reader was killed."""
_POLL_S = 1
"""A long poll asks all of SQS' servers: one that finds nothing is the end. An emulator is one server: it needs none."""

_log = structlog.get_logger(__name__)


class DeadLetterQueueReader:
    """The dead-letter queue `queue` of `origin`, whose consumer is `service`."""

    def __init__(self, place: Place, queue: Queue, origin: Queue, service: str) -> None:
        self.place = place
        self._queue = queue
        self._origin = origin
        self._service = service

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[Reading]:
        """A reading. Raises QueueUnavailable."""
        reading = _QueueReading(self.place, self._queue, self._origin, self._service)
        keeper = asyncio.create_task(reading.keep_hidden())
        try:
            yield reading
        finally:
            keeper.cancel()
            try:
                # Not `await keeper`: an interrupt that comes now would be taken for the keeper's end.
                await asyncio.wait((keeper,))
            finally:
                await reading.give_back()


class _QueueReading:
    def __init__(self, place: Place, queue: Queue, origin: Queue, service: str) -> None:
        self.place = place
        self.elsewhere = 0
        self._queue = queue
        self._origin = origin
        self._outlet = QueueResender(origin)
        self._service = service
        self._poll_s = _POLL_S if queue.is_of_aws else 0
        self._held: dict[str, Message] = {}

    async def letters(self) -> AsyncIterator[DeadLetter]:
        """Each letter that is there, once: one that comes back while it is sent again is left for later."""
        found: dict[str, Message] = {}
        # All of them are held before the first is shown: what comes later is none of them, whatever
        # this machine's clock and SQS' say, and a reading may end at any letter.
        while messages := await self._receive():
            found |= self._take(messages)
        self.elsewhere = sum(await self._queue.depth()) - len(self._held)
        for message in found.values():
            yield letter_of(message, self.place, self._origin, self._service)

    async def send_again(self, letter: DeadLetter) -> None:
        """Send it to the queue that it came from."""
        await self._outlet.send(letter.outgoing())

    async def remove(self, letters: Sequence[DeadLetter], why: str) -> None:
        """Delete `letters`."""
        await self._queue.delete([self._held[letter.key] for letter in letters])
        for letter in letters:
            del self._held[letter.key]
        _log.info("dead letters removed", queue=self._queue.name, letters=len(letters), why=why)

    async def keep_hidden(self) -> None:
        """Extend the visibility timeout of all that is held, until it is cancelled."""
        while True:
            await asyncio.sleep(VISIBILITY_TIMEOUT_S / 3)
            await self._hide(VISIBILITY_TIMEOUT_S)

    async def give_back(self) -> None:
        """Show again what is held."""
        await self._hide(0)

    async def _hide(self, timeout_s: int) -> None:
        try:
            await self._queue.change_visibility(list(self._held.values()), timeout_s)
        except QueueUnavailable as error:
            # They show up by themselves when their time is over; what is sent twice is stored once.
            _log.warning("visibility not changed", queue=self._queue.name, error=str(error))

    async def _receive(self) -> list[Message]:
        receiving = asyncio.ensure_future(
            self._queue.receive(visibility_timeout_s=VISIBILITY_TIMEOUT_S, wait_s=self._poll_s)
        )
        try:
            return await asyncio.shield(receiving)
        except asyncio.CancelledError:
            # SQS may be handing some out by now: without their receipts they could not be given back.
            with contextlib.suppress(QueueUnavailable):
                self._take(await receiving)
            raise

    def _take(self, messages: list[Message]) -> dict[str, Message]:
        """Hold `messages`; those that were not held before, by their keys."""
        new: dict[str, Message] = {}
        for message in messages:
            key = _key(self.place, message)
            if key not in self._held:
                new[key] = message
            self._held[key] = message
        return new


def letter_of(message: Message, place: Place, origin: Queue, service: str) -> DeadLetter:
    """The dead letter that `message` is: an envelope of `service`, or a message of `origin` as it was.

    That one was moved by SQS, or is too large for an envelope; where it has no room for an attribute
    either, its size alone says why.
    """
    arrival = origin.arrival(message)
    if found := open_envelope(arrival.body) or around_message(arrival):
        return DeadLetter(place, _key(place, message), found)
    moved = Rejected(MAX_RECEIVES, "received too often without being settled: SQS moved it")
    return DeadLetter(place, _key(place, message), enclosed(arrival, too_large(arrival.body) or moved, service))


def _key(place: Place, message: Message) -> str:
    return f"{place}:{message.message_id}"
