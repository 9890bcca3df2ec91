"""Which lines of a part's log are meant: by the id in them, and by how severe they are."""

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
