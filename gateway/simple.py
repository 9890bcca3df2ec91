"""The simple form: a type and data, for people and scripts that don't speak CloudEvents."""

from typing import Any

import msgspec
import uuid_utils

from gateway.inbound import Inbound
from pipeline.errors import Fault, InvalidEvent, raise_any
from pipeline.event import Event, Rules, no_rules, parse
from pipeline.strict_json import parse_json, pointer

_MEMBERS = ("type", "data", "source", "subject", "id", "time")
_raw_members = msgspec.json.Decoder(dict[str, msgspec.Raw])


def read(inbound: Inbound, source: str, rules: Rules = no_rules) -> Event:
    """The event of `{"type": …, "data": …}`, with `source` and an id filled in where they lack, held to `rules`.

    The id is the Idempotency-Key header, else a UUIDv7. `data` travels as the same JSON
    bytes. Raises MalformedEvent, and InvalidEvent with every fault.
    """
    content = parse_json(inbound.body)
    if not isinstance(content, dict):
        raise InvalidEvent([Fault("", 'the simple form is a JSON object: {"type": …, "data": …}')])
    faults = _member_faults(content)
    try:
        event = parse(_structured(inbound, content, source), rules)
    except InvalidEvent as error:
        raise error.after(faults) from None
    raise_any(faults)
    return event


def _member_faults(content: dict[str, Any]) -> list[Fault]:
    faults = [
        Fault(pointer(name), "is not a member of the simple form: send application/cloudevents+json for extensions")
        for name in content
        if name not in _MEMBERS
    ]
    return faults if "data" in content else [*faults, Fault("/data", "is required")]


def _structured(inbound: Inbound, content: dict[str, Any], source: str) -> bytes:
    raw = _raw_members.decode(inbound.body)
    sent = {name: raw[name] for name in _MEMBERS if content.get(name) is not None or name == "data" in content}
    return msgspec.json.encode({"specversion": "1.0", "id": _id(inbound), "source": source, **sent})


def _id(inbound: Inbound) -> str:
    key = inbound.header(b"idempotency-key")
    return str(uuid_utils.uuid7()) if key is None else key
