"""Removing one subject's events (LGPD article 18, GDPR article 17).

From both stores and from the dead letters; docs/operations.md says what then is still
somewhere, and for how long. The record in the table `erasures` has counts and the
request's reference, neither the subject nor a hash of it, which could be guessed.
"""

import asyncio
import base64
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_to_bytes

from cli.addresses import Addresses
from cli.dynamodb import Items
from cli.postgres import Rows
from operations.dead_letters import DeadLetter, Place
from pipeline.events.envelope import Envelope

_QUEUES: tuple[Place, ...] = ("b", "c")
_MAX_WRAPPED = 8
"""Texts within texts that are looked into: a dead letter of a dead letter has two."""
_SHORTEST_BASE64 = 16
_BASE64 = re.compile(r"[A-Za-z0-9+/]+={0,2}")
_SUBJECT_BESIDE = re.compile(r"(ce[_-]|cloudEvents[:_])?subject", re.IGNORECASE)
"""The attribute's name in binary mode over Kafka, HTTP and AMQP, and without a prefix."""
_BACKSLASHES = re.compile(rb"\\+(?=[\"\\u/])")
_ESCAPED_CODE = re.compile(rb"u[0-9A-Fa-f]{4}")


class _Members(tuple[tuple[str, Any], ...]):
    """The members of a JSON object, those that are there twice too."""

    __slots__ = ()


NOT_REACHED = (
    "the Kafka topic of the events, until its retention",
    "messages still in the queues, which may store the events again",
    "backups and exports, until theirs",
    "logs, which have ids and no bodies",
)
"""What an erasure leaves, said in its answer and in its record (`erasures.not_reached`)."""


@dataclass
class Erased:
    """How much there was of a subject; `elsewhere` are dead letters of anyone that could not be looked at."""

    rows: int = 0
    items: int = 0
    dead_letters: int = 0
    elsewhere: int = 0


def concerns(letter: DeadLetter, subject: str) -> bool:
    """Whether `letter` is the subject's.

    By the event in it. Where it is none: by a member `subject` anywhere in its JSON, also where that
    is there twice, and in texts of it that hold JSON themselves, as they are or in base64: an array,
    SNS' envelope, a dead letter. In bytes that are no JSON: by the subject as a JSON string, however often escaped.
    And by what surrounds the body: a header or message attribute that is its `subject`, or that holds such JSON.
    """
    if letter.event:
        return letter.event.subject == subject
    return _is_in_bytes(letter.body, subject, 0) or any(
        _is_beside(name, value, subject) for name, value in _beside(letter.envelope)
    )


def _beside(envelope: Envelope) -> Iterator[tuple[str, bytes]]:
    """The headers and the attributes."""
    for header in envelope.headers or ():
        name, value = header.pair()
        yield name, value or b""
    for name, attribute in (envelope.attributes or {}).items():
        yield name, attribute.binary or (attribute.value or "").encode(errors="surrogatepass")


def _is_beside(name: str, value: bytes, subject: str) -> bool:
    octets = subject.encode(errors="surrogatepass")
    if _SUBJECT_BESIDE.fullmatch(name) and octets in (value, unquote_to_bytes(value)):
        return True
    return _is_in_bytes(value, subject, 0)


def _is_in_bytes(body: bytes, subject: str, depth: int) -> bool:
    try:
        content = json.loads(body, object_pairs_hook=_Members)
    except (ValueError, RecursionError):
        return _is_in_broken(body, subject)
    if not isinstance(content, list | tuple | str):
        return False
    return _is_in_value(content, subject, depth)


def _is_in_value(content: Any, subject: str, depth: int) -> bool:
    """With a list in place of recursion: nesting is the sender's."""
    waiting = [content]
    while waiting:
        value = waiting.pop()
        if isinstance(value, _Members):
            if ("subject", subject) in value:
                return True
            waiting += [each for _, each in value]
        elif isinstance(value, list):
            waiting += value
        elif isinstance(value, str) and depth < _MAX_WRAPPED and _is_in_text(value, subject, depth + 1):
            return True
    return False


def _is_in_text(text: str, subject: str, depth: int) -> bool:
    """Whether JSON in `text`, or in what it is the base64 of, has it."""
    if text.lstrip()[:1] in ("{", "[", '"'):
        return _is_in_bytes(text.encode(errors="surrogatepass"), subject, depth)
    if len(text) < _SHORTEST_BASE64 or not _BASE64.fullmatch(text):
        return False
    try:
        decoded = base64.b64decode(text)
    except ValueError:
        return False
    return decoded.lstrip()[:1] in (b"{", b"[", b'"') and _is_in_bytes(decoded, subject, depth)


def _is_in_broken(body: bytes, subject: str) -> bool:
    seen = _unescaped(body)
    return any(_unescaped(json.dumps(subject, ensure_ascii=short).encode()) in seen for short in (True, False))


def _unescaped(body: bytes) -> bytes:
    """`body` without the backslashes of text within text, and its escapes of characters in one spelling."""
    return _ESCAPED_CODE.sub(lambda found: found[0].lower(), _BACKSLASHES.sub(b"", body))


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
