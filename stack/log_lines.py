"""Filter of a part's log lines, by id and severity, and their layout for people."""

import json
import re
from typing import Any

LEVELS = ("debug", "info", "warning", "error")
_RANKS = {"trace": 0, "debug": 0, "info": 1, "log": 1, "notice": 1, "warn": 2, "warning": 2} | dict.fromkeys(
    ("error", "critical", "fatal", "panic"), 3
)
_LEVEL = re.compile(rf"\b({'|'.join(_RANKS)})\b:?", re.IGNORECASE)
_HEAD = 80
"""Characters in which the servers' own formats have the level."""
_TIME = slice(11, 23)
"""Where a timestamp in RFC 3339 has the time, to the millisecond."""


class Choice:
    """The lines of one log that are meant; a line without a level, as of a traceback, goes with the one before it."""

    def __init__(self, id_: str = "", level: str = "debug") -> None:
        """`id_` is an event's or a trace's, and "" for any; `level` is one of LEVELS, the least severe."""
        self._id = id_
        self._least = _RANKS[level]
        self._goes_on = not id_ and self._least <= _RANKS["info"]

    def holds(self, line: str) -> bool:
        """Whether `line`, the next one of the log, is meant."""
        content = _content(line)
        if content is not None:
            rank = _RANKS.get(str(content.get("level")), 1)
            self._goes_on = rank >= self._least and (not self._id or _names(content, self._id))
        elif not line[:1].isspace() and (found := _LEVEL.search(line, 0, _HEAD)):
            rank = _RANKS[found[1].lower()]
            self._goes_on = rank >= self._least and (not self._id or self._id in line)
        return self._goes_on


def readable(line: str) -> str:
    """One of our own lines as people read it: when, how severe, what, and the rest; a server's as it is."""
    content = _content(line)
    if content is None or "event" not in content:
        return line
    moment, level = str(content.pop("timestamp", ""))[_TIME], str(content.pop("level", ""))
    event, traceback = content.pop("event"), content.pop("exception", "")
    # The part's name stands before each line.
    rest = [f"{name}={_value(value)}" for name, value in content.items() if name not in ("service", "logger")]
    head = " ".join((moment.ljust(12), level.ljust(7), str(event), *rest))
    return "\n".join(map(_printable, (head, *str(traceback).splitlines())))


def _value(value: Any) -> str:
    if isinstance(value, list):
        return ",".join(map(_value, value))
    return value if isinstance(value, str) and value and " " not in value else json.dumps(value, ensure_ascii=False)


def _printable(text: str) -> str:
    """`text` with what would move a terminal's cursor spelled out: a sender chooses an event's id."""
    return "".join(each if each.isprintable() else repr(each)[1:-1] for each in text)


def _content(line: str) -> dict[str, Any] | None:
    """The members of one of our own lines; None of a server's."""
    if not line.startswith("{"):
        return None
    try:
        content = json.loads(line)
    except ValueError:
        return None
    return content if isinstance(content, dict) else None


def _names(content: dict[str, Any], id_: str) -> bool:
    return any(value == id_ or (isinstance(value, list) and id_ in value) for value in content.values())
