"""Removing one subject's events (LGPD article 18, GDPR article 17).

From both stores and from the dead letters; docs/operations.md says what then is still
somewhere, and for how long. The record in the table `erasures` has counts and the
request's reference, neither the subject nor a hash of it, which could be guessed.
"""

import asyncio
import json
from dataclasses import dataclass

from cli.addresses import Addresses
from cli.dynamodb import Items
from cli.postgres import Rows
from pipeline.dead_letters import DeadLetter, Place

_QUEUES: tuple[Place, ...] = ("b", "c")


@dataclass
class Erased:
    """How much there was of a subject; `elsewhere` are dead letters of anyone that could not be looked at."""

    rows: int = 0
    items: int = 0
    dead_letters: int = 0
    elsewhere: int = 0


def concerns(letter: DeadLetter, subject: str) -> bool:
    """Whether `letter` is the subject's.

    By the event in it; where it is none, by the member `subject` of its JSON object, also
    where that is there twice; in bytes that are no JSON, by the subject as a JSON string.
    """
    if letter.event:
        return letter.event.subject == subject
    try:
        content = json.loads(letter.body, object_pairs_hook=tuple)
    except (ValueError, RecursionError):
        return any(json.dumps(subject, ensure_ascii=short).encode() in letter.body for short in (True, False))
    return isinstance(content, tuple) and ("subject", subject) in content


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
        found.elsewhere += max(reading.elsewhere, 0)
    async with addresses.places.dead_letter_topic() as topic:
        async for letter in topic.everything():
            found.dead_letters += concerns(letter, subject)
    return found


async def erase(addresses: Addresses, rows: Rows, items: Items, subject: str, reference: str) -> Erased:
    """Remove what is the subject's, the dead letters first: sent again they would bring it back.

    Safe to interrupt and to repeat. Where letters were elsewhere the record has no end, as
    the erasure has none yet. Raises StoreUnavailable and QueueUnavailable.
    """
    number = await rows.begin_erasure(reference)
    erased = Erased()
    await asyncio.gather(
        *(_erase_queued(addresses, place, subject, erased) for place in _QUEUES),
        _erase_logged(addresses, subject, erased),
    )
    async for identities in rows.of_subject(subject):
        erased.rows += await rows.delete_of_subject(identities, subject)
    async for keys in items.of_subject(subject):
        await items.delete(keys)
        erased.items += len(keys)
    await rows.record_erasure(number, erased.rows, erased.items, erased.dead_letters, whole=not erased.elsewhere)
    return erased


async def _erase_queued(addresses: Addresses, place: Place, subject: str, erased: Erased) -> None:
    async with addresses.places.dead_letters(place) as reading:
        async for letter in reading.letters():
            if concerns(letter, subject):
                await reading.remove([letter], "erased")
                erased.dead_letters += 1
    erased.elsewhere += max(reading.elsewhere, 0)


async def _erase_logged(addresses: Addresses, subject: str, erased: Erased) -> None:
    async with addresses.places.dead_letter_topic() as topic:
        letters = [letter async for letter in topic.everything() if concerns(letter, subject)]
        await topic.erase(letters)
    erased.dead_letters += len(letters)
