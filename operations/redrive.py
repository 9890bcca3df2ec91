"""Redrive and discarding of chosen dead letters.

Each is sent first and removed then, so an interruption at any point at most leaves a
letter that was sent already: sent again, its store knows it as a repeat.
"""

from collections.abc import AsyncGenerator
from dataclasses import dataclass

from operations.dead_letters import DeadLetter, Reading
from pipeline.core.errors import MessageRefused
from pipeline.core.pace import Pace


@dataclass(frozen=True, kw_only=True)
class Choice:
    """Which letters are meant: those that every condition holds for; empty ones hold for all."""

    keys: frozenset[str] = frozenset()
    reasons: frozenset[str] = frozenset()
    source: str | None = None
    type: str | None = None

    def holds(self, letter: DeadLetter) -> bool:
        """Whether `letter` is meant. What is no event has no source and no type."""
        if self.keys and letter.key not in self.keys:
            return False
        if self.reasons and letter.envelope.reason not in self.reasons:
            return False
        if self.source is None and self.type is None:
            return True
        event = letter.event
        return event is not None and self.source in (None, event.source) and self.type in (None, event.type)


async def chosen(reading: Reading, choice: Choice) -> AsyncGenerator[DeadLetter, None]:
    """The letters that are meant: what `send_again` and `discard` would deal with. Raises QueueUnavailable."""
    async for letter in reading.letters():
        if choice.holds(letter):
            yield letter


async def send_again(reading: Reading, choice: Choice, *, per_second: float) -> AsyncGenerator[DeadLetter, None]:
    """Send what is meant to where it came from; gives each letter once that is done.

    Raises QueueUnavailable, and after the last one MessageRefused, which names each that SQS will never take.
    """
    pace = Pace(per_second)
    refused = []
    async for letter in chosen(reading, choice):
        await pace.step()
        try:
            await reading.send_again(letter)
        except MessageRefused as error:
            refused.append(f"{letter.key} ({error})")
            continue
        await reading.remove([letter], "sent again")
        yield letter
    if refused:
        raise MessageRefused(f"not sent: {'; '.join(refused)}")


async def discard(reading: Reading, choice: Choice) -> AsyncGenerator[DeadLetter, None]:
    """Remove what is meant; gives each letter once it is gone. Raises QueueUnavailable."""
    async for letter in chosen(reading, choice):
        await reading.remove([letter], "discarded")
        yield letter
