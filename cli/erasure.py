"""Removing one subject's events (LGPD article 18, GDPR article 17).

From both stores and from the dead letters; docs/operations.md says what then is still
somewhere, and for how long. The record in the table `erasures` has counts and the
request's reference, neither the subject nor a hash of it, which could be guessed.
"""

import asyncio
from dataclasses import dataclass

from cli.addresses import Addresses
from cli.dynamodb import Items
from cli.postgres import Rows
from pipeline.dead_letters import DeadLetter, Place

_QUEUES: tuple[Place, ...] = ("b", "c")


@dataclass
class Erased:
    """How much there was of a subject."""

    rows: int = 0
    items: int = 0
    dead_letters: int = 0


def concerns(letter: DeadLetter, subject: str) -> bool:
    """Whether `letter` is the subject's: by its event, or, where it is none, by the text in its bytes."""
    if letter.event:
        return letter.event.subject == subject
    return subject.encode() in letter.body


async def count(addresses: Addresses, rows: Rows, items: Items, subject: str) -> Erased:
    """What an erasure would remove. Raises StoreUnavailable and QueueUnavailable."""
    found = Erased()
    async for identities in rows.of_subject(subject):
        found.rows += len(identities)
    async for keys in items.of_subject(subject):
        found.items += len(keys)
    for place in _QUEUES:
        async with addresses.places.dead_letters(place) as reading:
            async for letter in reading.letters():
                found.dead_letters += concerns(letter, subject)
    async with addresses.places.dead_letter_topic() as topic:
        async for letter in topic.everything():
            found.dead_letters += concerns(letter, subject)
    return found


async def erase(addresses: Addresses, rows: Rows, items: Items, subject: str, reference: str) -> Erased:
    """Remove what is the subject's, the dead letters first: sent again they would bring it back.

    Safe to interrupt and to repeat. Raises StoreUnavailable and QueueUnavailable.
    """
    number = await rows.begin_erasure(reference)
    erased = Erased(dead_letters=await _erase_dead_letters(addresses, subject))
    async for identities in rows.of_subject(subject):
        erased.rows += await rows.delete_of_subject(identities, subject)
    async for keys in items.of_subject(subject):
        await items.delete(keys)
        erased.items += len(keys)
    await rows.end_erasure(number, erased.rows, erased.items, erased.dead_letters)
    return erased


async def _erase_dead_letters(addresses: Addresses, subject: str) -> int:
    return sum(
        await asyncio.gather(
            *(_erase_queued(addresses, place, subject) for place in _QUEUES), _erase_logged(addresses, subject)
        )
    )


async def _erase_queued(addresses: Addresses, place: Place, subject: str) -> int:
    erased = 0
    async with addresses.places.dead_letters(place) as reading:
        async for letter in reading.letters():
            if concerns(letter, subject):
                await reading.remove([letter], "erased")
                erased += 1
    return erased


async def _erase_logged(addresses: Addresses, subject: str) -> int:
    async with addresses.places.dead_letter_topic() as topic:
        letters = [letter async for letter in topic.everything() if concerns(letter, subject)]
        await topic.erase(letters)
    return len(letters)
