"""From bytes that arrived to rows that are stored: one intake for each of the three ways.

An arrival is settled when it is in the store or is a dead letter. A batch goes to the store
in calls, as many and as large as the store can take; what a call has stored stays stored, and
only the rest is tried again.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from pipeline.core.errors import Rejected
from pipeline.events.delivery import Arrival, Delivery
from pipeline.telemetry.metrics import WayMetrics
from pipeline.telemetry.tracing import Processing, Tracing
from streams.batch_state import BatchState, Call, Refused
from streams.letter_calls import DeadLetterWriter, PartlyWritten, write_letters
from streams.outcomes import Outcomes
from streams.pace import Backoff, Window
from streams.parsing import parsed
from streams.receipt_writer import ReceiptWriter
from streams.store import PartlyStored, Store, Stored

_RELEASE_S = 1.0
"""A batch that takes longer is released in parts."""
_INTERRUPTED_S = 5.0
"""How long batches that move are still settled while others wait for the partitions: a rebalance may take 60 s."""

Release = Callable[[Sequence[int]], Awaitable[None]]
"""Takes the positions, within their batch, of arrivals that are settled while others of the batch are not."""


class Interrupted(Exception):
    """The worker stops or loses its partitions: what was not released of the batch is given back."""


async def release_nothing(_: Sequence[int]) -> None:
    """For a batch that is let go of as a whole."""


class Intake:
    """One store's intake for one way; it settles one batch at a time."""

    def __init__(
        self,
        service: str,
        store: Store,
        write_dead_letter: DeadLetterWriter,
        metrics: WayMetrics,
        tracing: Tracing,
        *,
        timeout_s: float,
    ) -> None:
        self._service = service
        self._store = store
        self._write_dead_letter = write_dead_letter
        self._outcomes = Outcomes(metrics)
        self._tracing = tracing
        self._timeout_s = timeout_s
        self._window = Window(store.call_events * store.calls)
        self._storing, self._writing_letters = Backoff(), Backoff()
        self._batch: BatchState | None = None
        self._interrupted_at: float | None = None
        self._ends = asyncio.Event()

    def report_to(self, receipts: ReceiptWriter) -> None:
        """Have what is settled from now on reported by `receipts`."""
        self._outcomes.report_to(receipts)

    @property
    def call_events(self) -> int:
        """The most events that one call to the store takes."""
        return self._store.call_events

    @property
    def outage(self) -> str | None:
        """Why the last call of the batch that is at work failed; None where it succeeded."""
        return self._storing.why or self._writing_letters.why

    @property
    def obstacle(self) -> str | None:
        """Why nothing of the batch may be settled yet: an outage, or a call under way, which has a deadline."""
        is_asking = self._batch is not None and bool(self._batch.calls)
        return self.outage or (f"a call to {self._store.name} is under way" if is_asking else None)

    def give_up(self) -> None:
        """Cut the calls under way, and make no other: the worker has to end."""
        self._ends.set()
        for call in self._batch.calls if self._batch else ():
            call.cancel()

    async def settle(
        self, arrivals: Sequence[Arrival], interrupted: Callable[[], bool], release: Release = release_nothing
    ) -> None:
        """Settle the batch, however slow the store is and however long it is away.

        Where that takes long, `release` gets what is settled, a part after the other; when this returns,
        the rest is settled too. Raises Interrupted, and nothing else, where `interrupted()` says so after
        a failed call or for some seconds, and at once where the worker has to end.
        """
        if self._must_end(interrupted):
            raise Interrupted
        with self._tracing.processing(arrivals) as processing:
            batch = self._batch = BatchState(arrivals)
            try:
                await self._until_settled(batch, interrupted, release, processing)
            except Interrupted:
                await release(batch.take_settled())
                raise
            finally:
                await _cut(batch.calls)
                self._batch = None
                self._storing.succeeded()
                self._writing_letters.succeeded()
                self._outcomes.log(batch.via)

    def _must_end(self, interrupted: Callable[[], bool]) -> bool:
        if not interrupted():
            self._interrupted_at = None
        elif self._interrupted_at is None:
            self._interrupted_at = time.monotonic()
        lasts_long = self._interrupted_at is not None and time.monotonic() - self._interrupted_at > _INTERRUPTED_S
        return self._ends.is_set() or lasts_long

    async def _until_settled(
        self, batch: BatchState, interrupted: Callable[[], bool], release: Release, processing: Processing
    ) -> None:
        while True:
            self._begin_calls(batch)
            if batch.is_settled:
                return
            for ended in await self._some_ended(batch):
                self._take(batch, ended, processing)
            if self._must_end(interrupted) or (self.outage and interrupted()):
                raise Interrupted
            if time.monotonic() - batch.released_at > _RELEASE_S:
                self._outcomes.log(batch.via)
                await release(batch.take_settled())

    def _begin_calls(self, batch: BatchState) -> None:
        while batch.waiting and self._may_store(batch):
            most = min(self._store.call_events, self._window.events)
            self._begin_store(batch, batch.next_arrivals(most))
        if batch.letters and not batch.is_writing_letters and not self._writing_letters.left_s:
            letters = batch.next_letters()
            _begin(batch, self._write(letters), Call(time.monotonic(), letters=letters))

    def _may_store(self, batch: BatchState) -> bool:
        if self._storing.left_s or len(batch.calls) >= self._store.calls + batch.is_writing_letters:
            return False
        under_way = batch.events_under_way
        return not under_way or under_way + min(self._store.call_events, self._window.events) <= self._window.events

    def _begin_store(self, batch: BatchState, arrivals: Sequence[Arrival]) -> None:
        # Parsed here and not all at once: a parsed event takes a multiple of its bytes.
        deliveries, unfit = parsed(arrivals)
        batch.letters += unfit
        if deliveries:
            _begin(batch, self._call(batch.via, deliveries), Call(time.monotonic(), deliveries))

    async def _some_ended(self, batch: BatchState) -> Iterable["asyncio.Task[Stored]"]:
        """Wait until a call has ended, or a pause; for a moment at most, as there is a clock to look at."""
        longest_s = _RELEASE_S
        if batch.waiting and self._storing.left_s:
            longest_s = min(longest_s, self._storing.left_s)
        if batch.letters and self._writing_letters.left_s:
            longest_s = min(longest_s, self._writing_letters.left_s)
        if batch.calls:
            return (await asyncio.wait(batch.calls, timeout=longest_s, return_when=asyncio.FIRST_COMPLETED))[0]
        await _wait(self._ends, longest_s)
        return ()

    async def _call(self, via: str, deliveries: Sequence[Delivery]) -> Stored:
        """One call to the store, with a deadline of its own."""
        begun, outcome = time.perf_counter(), "failed"
        try:
            async with asyncio.timeout(self._timeout_s):
                stored = await self._store.store(deliveries)
            outcome = "stored"
            return stored
        finally:
            self._outcomes.called(via, outcome, begun)

    async def _write(self, letters: Sequence[Refused]) -> Stored:
        await write_letters(self._service, self._write_dead_letter, letters, timeout_s=self._timeout_s)
        return Stored()

    def _take(self, batch: BatchState, ended: "asyncio.Task[Stored]", processing: Processing) -> None:
        """Take note of what a call has brought."""
        call = batch.calls.pop(ended)
        error = asyncio.CancelledError("the worker ends") if ended.cancelled() else ended.exception()
        if isinstance(error, Rejected):
            self._take_rejected(batch, call.deliveries, error)
        elif error and call.letters:
            self._take_failed_letters(batch, call, error, processing)
        elif call.letters:
            self._take_letters(batch, call.letters, processing)
        elif error:
            self._take_failed(batch, call, error)
        else:
            self._window.succeeded(len(call.deliveries), call.begun)
            self._storing.succeeded()
            self._take_stored(batch, ended.result())

    def _take_failed_letters(self, batch: BatchState, call: Call, error: BaseException, processing: Processing) -> None:
        """Only the letters that are not written wait again."""
        written = error.written if isinstance(error, PartlyWritten) else []
        cause = error.cause if isinstance(error, PartlyWritten) else error
        kept = {id(letter) for letter in written}
        batch.letters = [*(letter for letter in call.letters if id(letter) not in kept), *batch.letters]
        why = self._failed(batch, call, cause)
        if written:
            self._take_letters(batch, written, processing)
            self._writing_letters.partly_failed()
        else:
            self._writing_letters.failed(why)

    def _take_rejected(self, batch: BatchState, deliveries: Sequence[Delivery], why: Rejected) -> None:
        """A call with a bad event in it is halved until that one is alone."""
        if len(deliveries) == 1:
            batch.letters.append(Refused(deliveries[0].arrival, why, deliveries[0].event))
            return
        arrivals = [delivery.arrival for delivery in deliveries]
        half = len(arrivals) // 2
        batch.waiting.extendleft((arrivals[half:], arrivals[:half]))

    def _take_failed(self, batch: BatchState, call: Call, error: BaseException) -> None:
        """Only what the call has not stored waits again."""
        self._window.failed(call.begun)
        stored = error.stored if isinstance(error, PartlyStored) else Stored()
        self._take_stored(batch, stored)
        held = {id(delivery.arrival) for delivery in stored.all()}
        batch.waiting.appendleft([each.arrival for each in call.deliveries if id(each.arrival) not in held])
        why = self._failed(batch, call, error)
        if held:
            self._storing.partly_failed()
        else:
            self._storing.failed(why)

    def _take_stored(self, batch: BatchState, stored: Stored) -> None:
        batch.settled(delivery.arrival for delivery in stored.new + stored.repeated)
        batch.letters += [_conflict(delivery) for delivery in stored.conflicting]
        self._outcomes.stored(batch.via, stored)

    def _take_letters(self, batch: BatchState, letters: Sequence[Refused], processing: Processing) -> None:
        self._writing_letters.succeeded()
        batch.settled(refused.arrival for refused in letters)
        self._outcomes.refused(batch.via, letters, processing)

    def _failed(self, batch: BatchState, call: Call, error: BaseException) -> str:
        # A deadline's error has no text.
        why = f"{type(error).__name__}: {str(error) or f'{self._store.name}: not settled in time'}"
        self._outcomes.failed(batch.via, call, error, why)
        return why


def _begin(batch: BatchState, work: Coroutine[Any, Any, Stored], call: Call) -> None:
    batch.calls[asyncio.create_task(work)] = call


async def _cut(calls: Mapping["asyncio.Task[Stored]", Call]) -> None:
    """End the calls; what they bring is not taken any more."""
    for task in calls:
        task.cancel()
    await asyncio.gather(*calls, return_exceptions=True)


async def _wait(event: asyncio.Event, longest_s: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(longest_s):
            await event.wait()


def _conflict(delivery: Delivery) -> Refused:
    source, id_ = delivery.event.identity
    why = Rejected("conflict", f"the store has another content of source {source!r}, id {id_!r}")
    return Refused(delivery.arrival, why, delivery.event)
