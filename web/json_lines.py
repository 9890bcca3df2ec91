"""On which line of a JSON text a value stands."""

import json
import re
from collections.abc import Iterator

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s{}\[\],:"]+')


def line_of(text: str, pointer: str) -> int:
    """The line, from 1, of the value that a JSON pointer (RFC 6901) names; 0 where there is none.

    `text` is JSON that parses. A member of an object stands where its name does.
    """
    wanted = [step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/")[1:]]
    places = (place for place, path in _values(text) if path == wanted)
    place = next(places, None)
    return 0 if place is None else text.count("\n", 0, place) + 1


def _values(text: str) -> Iterator[tuple[int, list[str]]]:
    """Each value's place and path."""
    path: list[str | int | None] = []  # a name, an index, or None where a name comes next
    for token in _TOKEN.finditer(text):
        sign = token[0]
        if sign in ("}", "]"):
            path.pop()
        elif sign == ",":
            path[-1] = path[-1] + 1 if isinstance(path[-1], int) else None
        elif path and path[-1] is None:
            path[-1] = str(json.loads(sign))
            yield token.start(), [str(step) for step in path]
        elif sign != ":":
            if not path or isinstance(path[-1], int):
                yield token.start(), [str(step) for step in path]
            if sign in ("{", "["):
                path.append(None if sign == "{" else 0)
