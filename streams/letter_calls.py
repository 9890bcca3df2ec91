"""Calls that write dead letters. Each letter is written by itself: what is written stays written."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from pipeline.core.errors import StoreUnavailable
from pipeline.events.envelope import envelope
from streams.batch_state import Refused

DeadLetterWriter = Callable[[bytes], Awaitable[None]]
"""Keeps an envelope for good before it returns; raises where it can't."""


class PartlyWritten(StoreUnavailable):
    """Of the letters of a call only `written` are kept, for `cause`."""

    def __init__(self, written: Sequence[Refused], cause: BaseException) -> None:
        super().__init__(str(cause))
        self.written = written
        self.cause = cause


async def write_letters(service: str, write: DeadLetterWriter, letters: Sequence[Refused], *, timeout_s: float) -> None:
    """Write the letters of `service`, all at the same time. Raises PartlyWritten."""
    written: list[Refused] = []

    async def write_one(letter: Refused) -> None:
        await write(envelope(letter.arrival, letter.why, service))
        written.append(letter)

    try:
        async with asyncio.timeout(timeout_s):
            outcomes = await asyncio.gather(*map(write_one, letters), return_exceptions=True)
    except TimeoutError as error:
        raise PartlyWritten(written, error) from error
    if failures := [outcome for outcome in outcomes if isinstance(outcome, BaseException)]:
        raise PartlyWritten(written, failures[0]) from failures[0]
