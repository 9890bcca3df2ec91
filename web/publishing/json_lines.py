"""On which lines of a JSON text values stand."""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*+"?|[{}\[\],:]|[^\s{}\[\],:"]+', re.DOTALL)
_POINTER = object()
"""In a tree of steps: the pointer that ends there. No step, as a step is a text."""
Tree = dict[Any, Any]
_NOTHING: Tree = {}


def lines_of(text: str, pointers: Iterable[str]) -> dict[str, int]:
    """The line, from 1, of each value that a JSON pointer (RFC 6901) of `pointers` names and that is there.

    `text` is JSON that parses; it is read once, whatever the number of pointers and the
    depth of the values. A member of an object stands where its name does.
    """
    lines: dict[str, int] = {}
    line, behind = 1, 0
    for place, pointer in _places(text, _tree(pointers)):
        line += text.count("\n", behind, place)
        behind = place
        lines.setdefault(pointer, line)
    return lines


def _tree(pointers: Iterable[str]) -> Tree:
    """The steps of all `pointers`, each below the one before it."""
    tree: Tree = {}
    for pointer in pointers:
        node = tree
        for step in pointer.split("/")[1:]:
            node = node.setdefault(step.replace("~1", "/").replace("~0", "~"), {})
        node[_POINTER] = pointer
    return tree


@dataclass(slots=True)
class _Open:
    """An array or object that is being read: what is wanted below it, and where the reading is.

    `index` counts an array's values; in an object it is None, and `value` is what is
    wanted below the member whose name was read last, None where a name comes next.
    """

    wanted: Tree
    index: int | None
    value: Tree | None = None


def _places(text: str, tree: Tree) -> Iterator[tuple[int, str]]:
    """The place of each wanted value, and its pointer."""
    levels: list[_Open] = []
    for token in _TOKEN.finditer(text):
        sign = token[0]
        if sign in ("}", "]"):
            levels.pop()
        elif sign == ",":
            _go_on(levels[-1])
        elif sign != ":":
            is_name = bool(levels) and levels[-1].index is None and levels[-1].value is None
            below = _name(levels[-1], sign) if is_name else _value(levels, tree)
            is_member = not is_name and bool(levels) and levels[-1].index is None
            if _POINTER in below and not is_member:
                yield token.start(), below[_POINTER]
            if sign in ("{", "["):
                levels.append(_Open(below, None if sign == "{" else 0))


def _go_on(level: _Open) -> None:
    level.value = None
    if level.index is not None:
        level.index += 1


def _name(level: _Open, sign: str) -> Tree:
    level.value = level.wanted.get(str(json.loads(sign)), _NOTHING) if level.wanted else _NOTHING
    return level.value


def _value(levels: list[_Open], tree: Tree) -> Tree:
    if not levels:
        return tree
    level = levels[-1]
    if level.value is not None:
        return level.value
    return level.wanted.get(str(level.index), _NOTHING) if level.wanted else _NOTHING
