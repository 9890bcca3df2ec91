"""The event: CloudEvents 1.0 in the JSON format, parsed and checked once.

Sources: CloudEvents 1.0.2 core (section 3.1 for the types, the attributes' own
sections for the rules) and JSON event format; the limits of 512 bytes, 64 levels
and 262,144 bytes are the project's.
"""

import base64
import binascii
import codecs
import hashlib
import json
import math
import re
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec

from pipeline.errors import Fault, InvalidEvent, MalformedEvent

MAX_IDENTITY_BYTES = 512
MAX_TEXT_BYTES = 1024
"""Of `type` and `subject`, which stand a second time beside the event in both stores."""
MAX_NESTING = 64
MAX_DIGITS = 1000
"""Far above a double's 17, far below what PostgreSQL's numeric holds."""
MAX_EVENT_BYTES = 262_144
"""SNS: 256 KiB a message, its attributes included."""

STRUCTURED = "application/cloudevents+json"
_INT32 = 2**31
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ufdd0-\ufdef\ufffe\uffff]")
_NAME = re.compile(r"[a-z0-9]+\Z")
_SIGNIFICANT = re.compile(r"-?[0.]*[1-9]")
_HUGE_EXPONENT = re.compile(r"[eE][+-]?0*[0-9]{4}")
_RFC3339 = re.compile(r"(\d{4}-\d\d-\d\d)[Tt](\d\d:\d\d:)(\d\d)(?:\.(\d+))?([Zz]|[+-]\d\d:\d\d)\Z", re.ASCII)
_REQUIRED = ("specversion", "id", "source", "type")
_REQUIRED_SET = frozenset(_REQUIRED)
_PAYLOAD = ("data", "data_base64")
_PLAIN_TEXT = frozenset(("id", "source", "type", "subject", "datacontenttype", "dataschema", "partitionkey"))
_SURELY_SHORT = MAX_IDENTITY_BYTES // 4
"""Characters: UTF-8 has at most 4 bytes for one."""
_ESCAPE = b"\\u"


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

        An attribute that is null is one that is not set. Whole numbers are compared exactly
        (1e2, 100.0 and 100 are the same), others as doubles.
        """
        content = self.content
        if None in content.values():
            content = {name: value for name, value in content.items() if value is not None or name == "data"}
        return hashlib.sha256(msgspec.json.encode(content, order="deterministic")).digest()

    def moment(self) -> datetime | None:
        """`time` in UTC, with microseconds: a leap second is the second after it."""
        return _moment(self.time) if self.time else None


Rules = Callable[[dict[str, Any]], Iterable[Fault]]
"""What else is asked of an event's content than CloudEvents does: the faults that it has."""


def no_rules(_: dict[str, Any]) -> Iterable[Fault]:
    """Ask nothing else."""
    return ()


def parse(body: bytes, rules: Rules = no_rules) -> Event:
    """The event in `body`, structured JSON in UTF-8.

    Raises MalformedEvent where the bytes are not JSON, and InvalidEvent with every
    fault, those of `rules` among them, where the JSON is not a valid event.
    """
    content = parse_json(body)
    if not isinstance(content, dict):
        raise InvalidEvent([Fault("", "an event is a JSON object")])
    faults = [] if _is_evidently_valid(content, body) else list(_faults(content))
    faults += rules(content)
    if faults:
        raise InvalidEvent(faults)
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


def parse_json(body: bytes) -> Any:
    """The JSON value in `body`, held to what both stores can keep.

    Raises MalformedEvent where it is not JSON in UTF-8 or a name stands twice in an
    object, and InvalidEvent where it is nested too deep or has a number that a store would change.
    """
    try:
        value = _decoder.decode(body)
    except RecursionError:
        raise _too_deep() from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _undecodable(body, error) from None
    if body.count(b"{") + body.count(b"[") > MAX_NESTING and _depth(value) > MAX_NESTING:
        raise _too_deep()
    if not _has_each_name_once(body, value):
        json.loads(body, object_pairs_hook=_reject_repeated_names)
    return value


def pointer(*steps: str) -> str:
    """The JSON pointer (RFC 6901) of the path `steps`."""
    return "".join("/" + step.replace("~", "~0").replace("/", "~1") for step in steps)


def _number(text: str) -> float | int:
    value = float(text)
    if math.isinf(value) or (value == 0 and _SIGNIFICANT.match(text)) or _HUGE_EXPONENT.search(text):
        raise ValueError(f"the number {text[:40]} is out of range: send it as a string")
    if len(text) > MAX_DIGITS:
        raise ValueError(f"a number has more than {MAX_DIGITS} digits: send it as a string")
    return _whole(text, value) if value.is_integer() else value


def _whole(text: str, value: float) -> float | int:
    """A whole number in its exact digits, as PostgreSQL gives it back, however it was written."""
    exact = Decimal(text)
    return int(exact) if exact == exact.to_integral_value() else value


_decoder = msgspec.json.Decoder(float_hook=_number)


def _undecodable(body: bytes, error: Exception) -> MalformedEvent | InvalidEvent:
    if isinstance(error, msgspec.ValidationError):
        return InvalidEvent([Fault("", str(error).partition(" - at ")[0])])
    if body.startswith(codecs.BOM_UTF8):
        return MalformedEvent("not JSON: it starts with a byte order mark; send it without")
    try:
        json.loads(body)
    except (json.JSONDecodeError, UnicodeDecodeError) as reason:
        return MalformedEvent(f"not JSON in UTF-8: {reason}")
    except RecursionError:
        return _too_deep()
    return MalformedEvent("not JSON: it has NaN, Infinity or an escape that is no character (a lone surrogate)")


def _too_deep() -> InvalidEvent:
    return InvalidEvent([Fault("", f"nested deeper than {MAX_NESTING} levels")])


def _has_each_name_once(body: bytes, value: Any) -> bool:
    """Whether `value`, decoded from `body`, surely lost no name. A quick look: False means to look closely.

    Decoding keeps one of the names that stand twice, so encoding again gives fewer quotation
    marks. Their number is the same otherwise, as long as none was written as an escape.
    """
    return _ESCAPE not in body and body.count(b'"') == msgspec.json.encode(value).count(b'"')


def _depth(value: Any) -> int:
    deepest, level = 0, [value]
    while level := [item for item in level if isinstance(item, dict | list)]:
        deepest += 1
        level = [child for item in level for child in (item.values() if isinstance(item, dict) else item)]
    return deepest


def _reject_repeated_names(pairs: list[tuple[str, Any]]) -> None:
    names = [name for name, _ in pairs]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise MalformedEvent(f"the name {twice!r} stands twice in an object")


def _is_evidently_valid(content: dict[str, Any], body: bytes) -> bool:
    """Whether a quick look at every part finds it right, as most events are; False means to look closely."""
    if _ESCAPE in body or not content.keys() >= _REQUIRED_SET:
        return False
    return all(_is_evidently_right(name, value) for name, value in content.items() if name != "data")


def _is_evidently_right(name: str, value: Any) -> bool:
    if type(value) is not str or not 0 < len(value) <= _SURELY_SHORT or not value.isprintable():
        return False
    if name in _PLAIN_TEXT:
        return True
    if name == "specversion":
        return value == "1.0"
    return _is_rfc3339(value) if name == "time" else name != "data_base64" and bool(_NAME.match(name))


def _faults(content: dict[str, Any]) -> Iterator[Fault]:
    for name in _REQUIRED:
        if content.get(name) is None:
            yield Fault(pointer(name), "is required")
    for name, value in content.items():
        if name not in _PAYLOAD and value is not None:
            yield from _attribute_faults(name, value)
    yield from _payload_faults(content)


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
    if len(text.encode()) > (most := _MOST_BYTES.get(name, MAX_EVENT_BYTES)):
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
        _moment(text)
    except ValueError:
        return False
    return True


def _moment(text: str) -> datetime:
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


def _is_base64(encoded: Any) -> bool:
    if not isinstance(encoded, str):
        return False
    try:
        base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        return False
    return True


_MOST_BYTES = {
    "id": MAX_IDENTITY_BYTES,
    "source": MAX_IDENTITY_BYTES,
    "type": MAX_TEXT_BYTES,
    "subject": MAX_TEXT_BYTES,
}
_STRING_ATTRIBUTES = frozenset(
    ("specversion", "id", "source", "type", "subject", "time", "datacontenttype", "dataschema", "partitionkey")
)
