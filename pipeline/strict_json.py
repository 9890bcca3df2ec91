"""JSON held to what both stores can keep: each name once, no depth and no number that one of them would change."""

import codecs
import json
import math
import re
from decimal import Decimal
from typing import Any

import msgspec

from pipeline.errors import MAX_FAULT_CHARACTERS, Fault, InvalidEvent, MalformedEvent, cut

MAX_NESTING = 64
MAX_DIGITS = 1000
"""Far above a double's 17, far below what PostgreSQL's numeric holds."""
_SIGNIFICANT = re.compile(r"-?[0.]*[1-9]")
_HUGE_EXPONENT = re.compile(r"[eE][+-]?0*[0-9]{4}")
ESCAPE = b"\\u"


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
    return ESCAPE not in body and body.count(b'"') == msgspec.json.encode(value).count(b'"')


def _depth(value: Any) -> int:
    deepest, level = 0, [value]
    while level := [item for item in level if isinstance(item, dict | list)]:
        deepest += 1
        level = [child for item in level for child in (item.values() if isinstance(item, dict) else item)]
    return deepest


def _reject_repeated_names(pairs: list[tuple[str, Any]]) -> None:
    seen: set[str] = set()
    for name, _ in pairs:
        if name in seen:
            raise MalformedEvent(f"the name {cut(name, MAX_FAULT_CHARACTERS)!r} stands twice in an object")
        seen.add(name)
