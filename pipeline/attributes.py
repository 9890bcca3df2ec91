"""The rules for an event's attributes and its payload.

Sources: CloudEvents 1.0.2 core (section 3.1 for the types, the attributes' own sections for
the rules) and JSON event format; the limits of 512 and 1,024 bytes are the project's.
"""

import base64
import binascii
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from pipeline.errors import Fault
from pipeline.strict_json import ESCAPE, pointer

MAX_IDENTITY_BYTES = 512
MAX_TEXT_BYTES = 1024
"""Of `type` and `subject`, which stand a second time beside the event in both stores."""
_INT32 = 2**31
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ufdd0-\ufdef\ufffe\uffff]")
_NAME = re.compile(r"[a-z0-9]+\Z")
_RFC3339 = re.compile(r"(\d{4}-\d\d-\d\d)[Tt](\d\d:\d\d:)(\d\d)(?:\.(\d+))?([Zz]|[+-]\d\d:\d\d)\Z", re.ASCII)
_REQUIRED = ("specversion", "id", "source", "type")
_REQUIRED_SET = frozenset(_REQUIRED)
_PAYLOAD = ("data", "data_base64")
_PLAIN_TEXT = frozenset(("id", "source", "type", "subject", "datacontenttype", "dataschema", "partitionkey"))
_SURELY_SHORT = MAX_IDENTITY_BYTES // 4
"""Characters: UTF-8 has at most 4 bytes for one."""
_MOST_BYTES = {
    "id": MAX_IDENTITY_BYTES,
    "source": MAX_IDENTITY_BYTES,
    "type": MAX_TEXT_BYTES,
    "subject": MAX_TEXT_BYTES,
}
_STRING_ATTRIBUTES = frozenset(
    ("specversion", "id", "source", "type", "subject", "time", "datacontenttype", "dataschema", "partitionkey")
)


def is_evidently_valid(content: dict[str, Any], body: bytes) -> bool:
    """Whether a quick look at every part finds it right, as most events are; False means to look closely."""
    if ESCAPE in body or not content.keys() >= _REQUIRED_SET:
        return False
    return all(_is_evidently_right(name, value) for name, value in content.items() if name != "data")


def faults(content: dict[str, Any]) -> Iterator[Fault]:
    """Every fault of an event's content, each with its pointer."""
    for name in _REQUIRED:
        if content.get(name) is None:
            yield Fault(pointer(name), "is required")
    for name, value in content.items():
        if name not in _PAYLOAD and value is not None:
            yield from _attribute_faults(name, value)
    yield from _payload_faults(content)


def moment(text: str) -> datetime:
    """The moment that `text` names after RFC 3339. Raises ValueError, also where UTC's years don't reach it."""
    if not (parts := _RFC3339.match(text)):
        raise ValueError("not a time after RFC 3339")
    day, minutes, seconds, fraction, zone = parts.groups()
    leap = timedelta(seconds=1) if seconds == "60" else timedelta()
    whole = datetime.fromisoformat(f"{day}T{minutes}{'59' if leap else seconds}{zone.upper()}")
    try:
        return whole.astimezone(UTC) + leap + timedelta(microseconds=int((fraction or "0")[:6].ljust(6, "0")))
    except OverflowError as error:
        raise ValueError("its year in UTC is not from 1 to 9999") from error


def _is_evidently_right(name: str, value: Any) -> bool:
    if type(value) is not str or not 0 < len(value) <= _SURELY_SHORT or not value.isprintable():
        return False
    if name in _PLAIN_TEXT:
        return True
    if name == "specversion":
        return value == "1.0"
    return _is_rfc3339(value) if name == "time" else name != "data_base64" and bool(_NAME.match(name))


def _attribute_faults(name: str, value: Any) -> Iterator[Fault]:
    where = pointer(name)
    if not _NAME.match(name):
        yield Fault(where, "an attribute's name has only lower-case letters a-z and digits")
    if name in _STRING_ATTRIBUTES and not isinstance(value, str):
        yield Fault(where, "must be a string")
    elif isinstance(value, str):
        yield from (Fault(where, detail) for detail in _string_faults(name, value))
    elif isinstance(value, int) and not -_INT32 <= value < _INT32:
        yield Fault(where, "a whole number in an attribute has 32 bits: send it as a string")
    elif not isinstance(value, int):
        yield Fault(where, "an attribute is a string, a whole number or a boolean: put other values into data")


def _string_faults(name: str, text: str) -> Iterator[str]:
    if found := _CONTROL.search(text):
        yield f"has the character U+{ord(found[0]):04X}, which an attribute may not have"
    if not text and name in _STRING_ATTRIBUTES:
        yield "must not be empty"
    if (most := _MOST_BYTES.get(name)) and len(text.encode()) > most:
        yield f"is longer than {most} bytes of UTF-8"
    if name == "specversion" and text != "1.0":
        yield 'must be "1.0"'
    if name == "time" and not _is_rfc3339(text):
        yield "must be a time after RFC 3339 with its zone, such as 2026-11-23T15:24:00Z"


def _payload_faults(content: dict[str, Any]) -> Iterator[Fault]:
    if (encoded := content.get("data_base64")) is not None:
        if content.get("data") is not None:
            yield Fault("/data_base64", "stands beside data: send one of them")
        if not _is_base64(encoded):
            yield Fault("/data_base64", "must be a string in base64 (RFC 4648)")
    if where := _find_nul(content):
        yield Fault(where, "has the character U+0000, which PostgreSQL cannot keep: send it in data_base64")


def _find_nul(content: dict[str, Any]) -> str | None:
    if "\\u0000" not in msgspec.json.encode(content.get("data")).decode():
        return None
    open_items: list[tuple[str, Any]] = [("/data", content["data"])]
    while open_items:
        where, value = open_items.pop()
        if isinstance(value, str) and "\0" in value:
            return where
        if isinstance(value, dict):
            open_items += [(where, "\0") for name in value if "\0" in name]
            open_items += [(where + pointer(name), child) for name, child in value.items()]
        elif isinstance(value, list):
            open_items += [(f"{where}/{index}", child) for index, child in enumerate(value)]
    return None


def _is_rfc3339(text: str) -> bool:
    try:
        moment(text)
    except ValueError:
        return False
    return True


def _is_base64(encoded: Any) -> bool:
    if not isinstance(encoded, str):
        return False
    try:
        base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        return False
    return True
