"""The simple form: a type and data, for people and scripts that don't speak CloudEvents."""

import re
from typing import Any
from urllib.parse import quote

import msgspec
import uuid_utils

from gateway.inbound import Inbound
from pipeline.core import faults as kinds
from pipeline.core.errors import Fault, InvalidEvent, raise_any
from pipeline.events.event import Event, Rules, checked, no_rules
from pipeline.events.strict_json import parse_json, pointer

_MEMBERS = ("type", "data", "source", "subject", "id", "time")
_QUOTED = re.compile(r'"(?:[^"\\]|\\["\\])*+"\Z')
"""A string of structured fields (RFC 8941, section 3.3.3), as drafts of Idempotency-Key have it."""
_raw_members = msgspec.json.Decoder(dict[str, msgspec.Raw])


def read(inbound: Inbound, source: str, rules: Rules = no_rules) -> Event:
    """The event of `{"type": …, "data": …}`, with `source` and an id filled in where they lack, held to `rules`.

    The id is the Idempotency-Key header, else a UUIDv7. `data` travels as the same JSON
    bytes. Raises MalformedEvent, and InvalidEvent with every fault.
    """
    content = parse_json(inbound.body)
    if not isinstance(content, dict):
        raise InvalidEvent([Fault("", kinds.NOT_SIMPLE())])
    faults = _member_faults(content)
    added = {"specversion": "1.0", "id": _id(inbound), "source": _source(inbound, source)}
    sent = [name for name in _MEMBERS if content.get(name) is not None or (name == "data" and name in content)]
    raw = _raw_members.decode(inbound.body)
    body = msgspec.json.encode(added | {name: raw[name] for name in sent})
    try:
        event = checked(added | {name: content[name] for name in sent}, body, rules)
    except InvalidEvent as error:
        raise error.after(faults) from None
    raise_any(faults)
    return event


def _member_faults(content: dict[str, Any]) -> list[Fault]:
    faults = [Fault(pointer(name), kinds.UNKNOWN_MEMBER()) for name in content if name not in _MEMBERS]
    return faults if "data" in content else [*faults, Fault("/data", kinds.REQUIRED())]


def _id(inbound: Inbound) -> str:
    key = inbound.header(b"idempotency-key")
    if key is None:
        return str(uuid_utils.uuid7())
    return re.sub(r"\\(.)", r"\1", key[1:-1]) if _QUOTED.match(key) else key


def _source(inbound: Inbound, source: str) -> str:
    """The source of a sender's events: two senders may choose the same Idempotency-Key."""
    if inbound.publisher is None:
        return source
    return f"{source}{':' if source.startswith('urn:') else '/'}{quote(inbound.publisher, safe='')}"
