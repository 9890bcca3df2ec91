"""JSON held to what both stores can keep: each name once, no depth and no number that one of them would change."""

import codecs
import json
import math
import re
from collections.abc import Iterable, Iterator
from decimal import Context, Decimal
from typing import Any, TypeAlias

import msgspec

from pipeline.core import faults
from pipeline.core.errors import Fault, InvalidEvent, MalformedEvent, NotJson
from pipeline.core.faults import MAX_FAULT_CHARACTERS, Defect, cut

MAX_NESTING = 64
_MAX_QUOTED = 200
"""Of a name that stands in a fault's text."""
MAX_DIGITS = 1000
"""Far above a double's 17, far below what PostgreSQL's numeric holds."""
_READ_DIGITS = 4300
"""msgspec reads no longer whole number."""
_SIGNIFICANT = re.compile(r"-?[0.]*[1-9]")
_HUGE_EXPONENT = re.compile(r"[eE][+-]?0*[0-9]{4}")
ESCAPE = b"\\u"
_EXACT_CHARACTERS = 15
"""A number of so many is a double's own: no double writes fewer of its digits."""
_MOST_ZEROS = 40
"""At the end of a whole number that is kept in all its digits; 1e307 in full is 60 times its text."""
_MANY_ZEROS = b"0" * (_MOST_ZEROS + 1)
_EVERY_DIGIT = Context(prec=5000)
_MAY_BE_REWRITTEN = re.compile(rb"[:\[,][ \t\r\n]*+(?:-?+[0-9.]++[eE]|-0)")
"""What stands in an id or a time alone, such as `-0` and `3e5`, is no such number."""


def parse_json(body: bytes) -> Any:
    """The JSON value in `body`, held to what both stores can keep.

    Raises MalformedEvent where it is not JSON in UTF-8 or a name stands twice in an
    object, and InvalidEvent where it is nested too deep or has a number that a store would change.
    """
    try:
        value = _decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise undecodable(body, error) from None
    if body.count(b"{") + body.count(b"[") > MAX_NESTING and _depth(value) > MAX_NESTING:
        raise _too_deep()
    if not _has_each_name_once(body, value):
        json.loads(body, object_pairs_hook=_reject_repeated_names)
    if _MANY_ZEROS in body:
        value = json.loads(body, parse_int=_integer, parse_float=_number)
    return value


def is_rewritten(body: bytes) -> bool:
    """Whether PostgreSQL's jsonb writes a number of `body`, JSON that parses, in another way than `body` does.

    It has no exponents (1e307 becomes 308 digits) and no negative zero.
    """
    if not _MAY_BE_REWRITTEN.search(body):
        return False
    found = False

    def look(text: str) -> None:
        nonlocal found
        found = found or "e" in text or "E" in text or (text[0] == "-" and not text.strip("-0."))

    json.loads(body, parse_int=look, parse_float=look)
    return found


def pointer(*steps: str) -> str:
    """The JSON pointer (RFC 6901) of the path `steps`."""
    return "".join("/" + step.replace("~", "~0").replace("/", "~1") for step in steps)


Path: TypeAlias = "tuple[Path, str | int] | None"
"""The path of a value in JSON: that of what holds it, and the last step; None is the whole."""


def walk(value: Any) -> Iterator[tuple[Path, Any]]:
    """`value` and every value in it with its path, in their order.

    A path shares its beginning with others. As texts, those of all values below a long name would
    together be its length times their number.
    """
    waiting: list[tuple[Path, Any]] = [(None, value)]
    while waiting:
        path, each = waiting.pop()
        yield path, each
        waiting += [((path, step), child) for step, child in reversed(members(each))]


def members(value: Any) -> list[tuple[str | int, Any]]:
    """What an object or array holds, by name or index; of any other value nothing."""
    if isinstance(value, dict):
        return list(value.items())
    return list(enumerate(value)) if isinstance(value, list) else []


def pointer_of(path: Path) -> str:
    """The JSON pointer of `path`; no step has more than MAX_FAULT_CHARACTERS."""
    steps = []
    while path:
        path, step = path
        steps.append(cut(str(step), MAX_FAULT_CHARACTERS))
    return pointer(*reversed(steps))


class _NumberRefused(ValueError):
    """A number that a store would change; msgspec takes a ValueError of its hook for the value's fault."""

    def __init__(self, defect: Defect) -> None:
        super().__init__(defect.detail)
        self.defect = defect


def _number(text: str) -> float | int | Decimal:
    value = float(text)
    if len(text) <= _EXACT_CHARACTERS and "e" not in text and "E" not in text:
        return int(value) if value.is_integer() else value
    if math.isinf(value) or (value == 0 and _SIGNIFICANT.match(text)) or _HUGE_EXPONENT.search(text):
        raise _NumberRefused(faults.NUMBER_OUT_OF_RANGE(number=text[:40]))
    if len(text) > MAX_DIGITS:
        raise _NumberRefused(faults.NUMBER_TOO_LONG(most=MAX_DIGITS))
    if value.is_integer():
        return _exact(text)
    if len(text) <= _EXACT_CHARACTERS or Decimal(text) == Decimal(repr(value)):
        return value
    return _exact(text)


def _integer(text: str) -> int | Decimal:
    return int(text) if len(text) <= _MOST_ZEROS else _exact(text)


def _exact(text: str) -> int | Decimal:
    """The exact value, the same for each way to write it, in no more room than its text and _MOST_ZEROS.

    A whole number without many zeros at its end is an int, any other one a Decimal without zeros at its end.
    """
    exact = Decimal(text).normalize(_EVERY_DIGIT)
    exponent = exact.as_tuple().exponent
    return int(exact) if isinstance(exponent, int) and 0 <= exponent <= _MOST_ZEROS else exact


_decoder = msgspec.json.Decoder(float_hook=_number)
encoder = msgspec.json.Encoder(order="deterministic", decimal_format="number")
"""Writes what `parse_json` gives."""
_plain_encoder = msgspec.json.Encoder(decimal_format="number")


def undecodable(body: bytes, error: Exception) -> MalformedEvent | InvalidEvent:
    """What is wrong with `body`, which msgspec could not decode for `error`."""
    if isinstance(error, RecursionError):
        return _too_deep()
    if body.startswith(codecs.BOM_UTF8):
        return NotJson(faults.BYTE_ORDER_MARK())
    try:
        value = json.loads(body.decode(), parse_int=_integer_defect, parse_float=_number_defect)
    except json.JSONDecodeError as found:
        place = {"line": found.lineno, "column": found.colno, "position": found.pos}
        return NotJson(faults.NOT_JSON(reason=found.msg, **place))
    except UnicodeDecodeError as found:
        return NotJson(faults.NOT_UTF8_JSON(position=found.start))
    except RecursionError:
        return _too_deep()
    if isinstance(error, msgspec.ValidationError):
        return InvalidEvent(_defects(value))
    return NotJson(faults.NOT_JSON_CONSTANT())


def _defects(value: Any) -> Iterable[Fault]:
    return (Fault(pointer_of(path), each) for path, each in walk(value) if isinstance(each, Defect))


def _number_defect(text: str) -> Defect | None:
    try:
        _number(text)
    except _NumberRefused as error:
        return error.defect
    return None


def _integer_defect(text: str) -> Defect | None:
    return faults.NUMBER_TOO_LONG(most=MAX_DIGITS) if len(text.lstrip("-")) > _READ_DIGITS else None


def _too_deep() -> InvalidEvent:
    return InvalidEvent([Fault("", faults.TOO_DEEP(levels=MAX_NESTING))])


def _has_each_name_once(body: bytes, value: Any) -> bool:
    """Whether `value`, decoded from `body`, surely lost no name. A quick look: False means to look closely.

    Decoding keeps one of the names that stand twice, so encoding again gives fewer quotation
    marks. Their number is the same otherwise, as long as none was written as an escape.
    """
    return ESCAPE not in body and body.count(b'"') == _plain_encoder.encode(value).count(b'"')


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
            raise MalformedEvent(faults.REPEATED_NAME(name=cut(name, _MAX_QUOTED)))
        seen.add(name)
