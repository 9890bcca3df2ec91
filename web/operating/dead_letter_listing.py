"""Dead letters as the pages show them."""

from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime

from operations.dead_letters import DeadLetter, Reading
from operations.redrive import Choice, chosen
from web.site.template_filters import in_utc

MOST_SHOWN = 100


@dataclass(frozen=True)
class Summary:
    """A letter without its bytes; `source`, `id` and `type` are None where it is no event."""

    key: str
    reason: str
    detail: str
    first_seen: datetime | None
    size_bytes: int
    source: str | None = None
    id: str | None = None
    type: str | None = None

    @classmethod
    def of(cls, letter: DeadLetter) -> "Summary":
        """What a list says of `letter`."""
        kept, event = letter.envelope, letter.event
        named = (event.source, event.id, event.type) if event else (None, None, None)
        return cls(letter.key, kept.reason, kept.detail, in_utc(kept.first_seen), len(letter.body), *named)


@dataclass(frozen=True)
class Listing:
    """What one reading of a place found.

    `reasons` counts all of its letters; `meant` are those that were asked for, of which
    the first MOST_SHOWN are `letters`; `elsewhere` is about how many could not be seen.
    """

    letters: list[Summary]
    meant: int
    reasons: Counter[str]
    elsewhere: int

    @classmethod
    async def read(cls, reading: Reading, choice: Choice) -> "Listing":
        """Read all of a place. Raises QueueUnavailable."""
        letters: list[Summary] = []
        meant, reasons = 0, Counter[str]()
        async for letter in reading.letters():
            reasons[letter.envelope.reason] += 1
            if choice.holds(letter):
                meant += 1
                if meant <= MOST_SHOWN:
                    letters.append(Summary.of(letter))
        return cls(letters, meant, reasons, max(0, reading.elsewhere))


async def find(reading: Reading, key: str) -> DeadLetter | None:
    """The letter `key`; None where it is not there. Raises QueueUnavailable."""
    found: AsyncGenerator[DeadLetter, None] = chosen(reading, Choice(keys=frozenset((key,))))
    async with aclosing(found):
        async for letter in found:
            return letter
    return None
