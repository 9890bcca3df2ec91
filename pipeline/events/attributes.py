"""The rules for an event's attributes and its payload.

Sources: CloudEvents 1.0.2 core (section 3.1 for the types, the attributes' own sections for
the rules) and JSON event format; the limits of 512 and 1,024 bytes are the project's.
"""

import base64
import binascii
import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from ipaddress import IPv6Address
from itertools import islice
from typing import Any

import msgspec

from pipeline.core import faults as kinds
from pipeline.core.clock import OutOfRange, parse_rfc3339
from pipeline.core.errors import Fault
from pipeline.core.faults import Defect
from pipeline.events.strict_json import ESCAPE, pointer, pointer_of, walk

MAX_IDENTITY_BYTES = 512
MAX_TEXT_BYTES = 1024
"""Of `type` and `subject`, which stand a second time beside the event in both stores."""
_INT32 = 2**31
_NONCHARACTERS = "\ufdd0-\ufdef" + "".join(chr(plane << 16 | 0xFFFE) + chr(plane << 16 | 0xFFFF) for plane in range(17))
_EARLIER_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ufdd0-\ufdef\ufffe\uffff]")
_CONTROL = re.compile(f"[\x00-\x1f\x7f-\x9f{_NONCHARACTERS}]")
_NAME = re.compile(r"[a-z0-9]+\Z")
_WHOLE = re.compile(r"-?\d+\Z", re.ASCII)
_CHARACTER = r"A-Za-z0-9\-._~!$&'()*+,;=\u00a0-\U0010ffff"
_ENCODED = "%[0-9A-Fa-f]{2}"
_URI_REFERENCE = re.compile(
    r"(?:(?P<scheme>[A-Za-z][A-Za-z0-9+.\-]*+):)?"
    rf"(?://(?:(?:[{_CHARACTER}:]|{_ENCODED})*+@)?"
    rf"(?:\[(?P<literal>[0-9A-Fa-f:.]++|[vV][0-9A-Fa-f]++\.[{_CHARACTER}:]++)\]|(?:[{_CHARACTER}]|{_ENCODED})*+)"
    r"(?::[0-9]*+)?(?=[/?#]|\Z)|(?!//))"
    r"(?(scheme)|(?![^/?#]*:))"  # a relative reference has no colon in its first segment
    rf"(?:[{_CHARACTER}:@/]|{_ENCODED})*+"
    rf"(?:\?(?:[{_CHARACTER}:@/?]|{_ENCODED})*+)?"
    rf"(?P<fragment>#(?:[{_CHARACTER}:@/?]|{_ENCODED})*+)?\Z"
)
"""RFC 3986, section 4.1, with the characters beyond ASCII that RFC 3987, section 2.2, adds."""
_NAME_OF_TYPE = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]++"
_QUOTED = r'"(?:[^"\\\x00-\x1f\x7f]|\\[^\x00-\x1f\x7f])*+"'
_PARAMETER = rf"[ \t]*+;[ \t]*+(?:{_NAME_OF_TYPE}=(?:{_NAME_OF_TYPE}|{_QUOTED}))?"
_MEDIA_TYPE = re.compile(rf"{_NAME_OF_TYPE}/{_NAME_OF_TYPE}(?:{_PARAMETER})*+\Z")
"""RFC 2045, section 5.1, as RFC 9110, section 8.3.1, has it for one line."""
_REQUIRED = ("specversion", "id", "source", "type")
_REQUIRED_SET = frozenset(_REQUIRED)
_PAYLOAD = ("data", "data_base64")
_PLAIN_TEXT = frozenset(("id", "type", "subject", "partitionkey"))
_KNOWN_VALUES = 1024
"""Sources and media types are few: their forms are looked at once."""
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


def faults(content: dict[str, Any], body: bytes | None = None, *, is_accepted: bool = False) -> Iterator[Fault]:
    """Every fault of an event's content, each with its pointer.

    `body` is the content as it was sent: an attribute's `1.0` is no whole number of
    CloudEvents, though it is one in data. What a gateway of an earlier version has accepted
    (`is_accepted`) stays an event: the forms of URIs, media types and times are left out.
    """
    for name in _REQUIRED:
        if content.get(name) is None:
            yield Fault(pointer(name), kinds.REQUIRED())
    for name, value in content.items():
        if name not in _PAYLOAD and value is not None:
            yield from _attribute_faults(name, value, is_accepted=is_accepted)
    if body is not None and not is_accepted:
        yield from _number_faults(content, body)
    yield from _payload_faults(content, is_accepted=is_accepted)


def _is_evidently_right(name: str, value: Any) -> bool:
    if type(value) is not str or not 0 < len(value) <= _SURELY_SHORT or not value.isprintable():
        return False
    if name in _PLAIN_TEXT:
        return True
    if form := _FORMS.get(name):
        return form(value) is None
    if name == "specversion":
        return value == "1.0"
    return name != "data_base64" and bool(_NAME.match(name))


def _attribute_faults(name: str, value: Any, *, is_accepted: bool) -> Iterator[Fault]:
    where = pointer(name)
    if not _NAME.match(name):
        yield Fault(where, kinds.WRONG_NAME())
    if name in _STRING_ATTRIBUTES and not isinstance(value, str):
        yield Fault(where, kinds.NOT_A_STRING())
    elif isinstance(value, str):
        yield from (Fault(where, defect) for defect in _string_faults(name, value, is_accepted=is_accepted))
    elif isinstance(value, int) and not -_INT32 <= value < _INT32:
        yield Fault(where, kinds.INTEGER_TOO_LARGE())
    elif not isinstance(value, int):
        yield Fault(where, kinds.NO_ATTRIBUTE_TYPE())


def _string_faults(name: str, text: str, *, is_accepted: bool) -> Iterator[Defect]:
    if found := (_EARLIER_CONTROL if is_accepted else _CONTROL).search(text):
        yield kinds.WRONG_CHARACTER(character=f"U+{ord(found[0]):04X}")
    if not text and name in _STRING_ATTRIBUTES:
        yield kinds.EMPTY()
    if (most := _MOST_BYTES.get(name)) and len(text.encode()) > most:
        yield kinds.TOO_LONG(most=most)
    if name == "specversion" and text != "1.0":
        yield kinds.WRONG_VERSION()
    if text and not is_accepted and name in _FORMS and (defect := _FORMS[name](text)):
        yield defect


def _number_faults(content: dict[str, Any], body: bytes) -> Iterator[Fault]:
    names = [name for name, value in content.items() if name not in _PAYLOAD and type(value) is int]
    if not any(-_INT32 <= content[name] < _INT32 and name not in _STRING_ATTRIBUTES for name in names):
        return
    written = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    for name in names:
        if name not in _STRING_ATTRIBUTES and not _WHOLE.match(bytes(written[name]).decode()):
            yield Fault(pointer(name), kinds.NOT_AN_INTEGER())


def _payload_faults(content: dict[str, Any], *, is_accepted: bool) -> Iterator[Fault]:
    if (encoded := content.get("data_base64")) is not None:
        if content.get("data") is not None or ("data" in content and not is_accepted):
            yield Fault("/data_base64", kinds.DATA_TWICE())
        if not _is_base64(encoded):
            yield Fault("/data_base64", kinds.NOT_BASE64())
    if "\\u0000" in msgspec.json.encode(content.get("data")).decode():
        paths = (path for path, value in walk(content["data"]) if _has_nul(value))
        yield from (Fault("/data" + pointer_of(path), kinds.NUL_IN_DATA()) for path in islice(paths, 1))


def _has_nul(value: Any) -> bool:
    """Whether it is a text with U+0000, or an object with a name that has it."""
    return (isinstance(value, str) and "\0" in value) or (isinstance(value, dict) and "\0" in "".join(value))


def _time_fault(text: str) -> Defect | None:
    try:
        parse_rfc3339(text)
    except OutOfRange:
        return kinds.TIME_OUT_OF_RANGE()
    except ValueError:
        return kinds.NOT_A_TIME(example="2026-11-23T15:24:00Z")
    return None


def _is_base64(encoded: Any) -> bool:
    if not isinstance(encoded, str):
        return False
    try:
        base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        return False
    return True


@lru_cache(_KNOWN_VALUES)
def _uri_reference_fault(text: str) -> Defect | None:
    found = _URI_REFERENCE.match(text)
    return None if found and _is_address(found["literal"]) else kinds.NOT_A_URI_REFERENCE()


def _absolute_uri_fault(text: str) -> Defect | None:
    """RFC 3986, section 4.3: with a scheme, without a fragment."""
    found = _URI_REFERENCE.match(text)
    is_absolute = found and found["scheme"] and not found["fragment"] and _is_address(found["literal"])
    return None if is_absolute else kinds.NOT_A_URI()


def _is_address(literal: str | None) -> bool:
    """Whether what stands in brackets in place of a host's name is an address (RFC 3986, section 3.2.2)."""
    if literal is None or literal[0] in "vV":
        return True
    try:
        IPv6Address(literal)
    except ValueError:
        return False
    return True


@lru_cache(_KNOWN_VALUES)
def _media_type_fault(text: str) -> Defect | None:
    return None if _MEDIA_TYPE.match(text) else kinds.NOT_A_MEDIA_TYPE(example="application/json")


_FORMS: dict[str, Callable[[str], Defect | None]] = {
    "source": _uri_reference_fault,
    "dataschema": _absolute_uri_fault,
    "datacontenttype": _media_type_fault,
    "time": _time_fault,
}
"""What is wrong with the form of an attribute that is a text."""
