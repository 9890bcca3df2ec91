"""The event: CloudEvents 1.0 in the JSON format, parsed and checked once."""

import hashlib
from collections.abc import Callable, Iterable
from datetime import datetime
from itertools import chain
from typing import Any

import msgspec

from pipeline.core import faults
from pipeline.core.clock import parse_rfc3339
from pipeline.core.errors import Fault, InvalidEvent, raise_any
from pipeline.events import attributes
from pipeline.events.strict_json import encoder, parse_json

MAX_EVENT_BYTES = 262_144
"""SNS: 256 KiB a message, its attributes included."""
STRUCTURED = "application/cloudevents+json"


class Event(msgspec.Struct, frozen=True, gc=False):
    """One valid event: what stores and legs need of it, and the bytes it travels as."""

    id: str
    source: str
    type: str
    subject: str | None
    time: str | None
    partition_key: str
    body: bytes
    content: dict[str, Any]

    @property
    def identity(self) -> tuple[str, str]:
        """(source, id): what makes two events the same."""
        return self.source, self.id

    def content_hash(self) -> bytes:
        """SHA-256 (32 bytes) of the content, whatever its white space and order of names.

        An attribute that is null is one that is not set. Numbers are compared exactly,
        however they are written (1e2, 100.0 and 100 are the same).
        """
        content = self.content
        if None in content.values():
            content = {name: value for name, value in content.items() if value is not None or name == "data"}
        return hashlib.sha256(encoder.encode(content)).digest()

    def moment(self) -> datetime | None:
        """`time` in UTC, with microseconds: a leap second is the second after it; None where none is told."""
        try:
            return parse_rfc3339(self.time) if self.time else None
        except ValueError:
            return None  # accepted by an earlier version's rules


Rules = Callable[[dict[str, Any]], Iterable[Fault]]
"""What else is asked of an event's content than CloudEvents does: the faults that it has."""


def no_rules(_: dict[str, Any]) -> Iterable[Fault]:
    """Ask nothing else."""
    return ()


def parse_accepted(body: bytes) -> Event:
    """The event in `body`, which a gateway has accepted, if by the rules of an earlier version. Raises as `parse`."""
    content = _object(body)
    if not attributes.is_evidently_valid(content, body):
        raise_any(attributes.faults(content, is_accepted=True))
    return _event(body, content)


def parse(body: bytes, rules: Rules = no_rules) -> Event:
    """The event in `body`, structured JSON in UTF-8.

    Raises MalformedEvent where the bytes are not JSON, and InvalidEvent with every
    fault, those of `rules` among them, where the JSON is not a valid event.
    """
    return checked(_object(body), body, rules)


def checked(content: dict[str, Any], body: bytes, rules: Rules = no_rules) -> Event:
    """The event of `content`, which is what `parse_json` gives of `body`. Raises InvalidEvent with every fault."""
    if attributes.is_evidently_valid(content, body):
        raise_any(rules(content))
    else:
        raise_any(chain(attributes.faults(content, body), rules(content)))
    return _event(body, content)


def _object(body: bytes) -> dict[str, Any]:
    content = parse_json(body)
    if not isinstance(content, dict):
        raise InvalidEvent([Fault("", faults.NOT_AN_OBJECT())])
    return content


def _event(body: bytes, content: dict[str, Any]) -> Event:
    return Event(
        id=content["id"],
        source=content["source"],
        type=content["type"],
        subject=content.get("subject"),
        time=content.get("time"),
        partition_key=content.get("partitionkey") or content["id"],
        body=body,
        content=content,
    )
