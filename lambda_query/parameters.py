"""A request's query string, checked: every fault is found and names its parameter."""

import json
import re
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from urllib.parse import parse_qsl

from lambda_query import cursor
from lambda_query.question import DYNAMODB, FIELDS, FILTERS, POSTGRES, STORED_FIELDS, Position, Question
from pipeline.core import clock
from pipeline.core import faults as kinds
from pipeline.core.comparison import settled_until
from pipeline.core.errors import InvalidParameters
from pipeline.core.faults import Defect
from pipeline.core.identity import CONTROL, Identity

T = TypeVar("T")

MAX_LIMIT = 200
_MAX_IDENTITY_BYTES = 512
_STORES = {"both": (POSTGRES, DYNAMODB), POSTGRES: (POSTGRES,), DYNAMODB: (DYNAMODB,)}
_DESCENDING = {"desc": True, "asc": False}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_STATS_SPAN = timedelta(hours=1)
_STATS_LONGEST = timedelta(days=31)
_DIFFERENCES_SPAN = timedelta(days=1)
_COMPARED_ROWS = 1000
"""Of each store, at a time."""
_LAST_MOMENT = "9999-12-31T23:59:59.999999Z"
_EVERY_EVENT = 10_000_000
"""Where a list without `to` ends: a record's own stamp may be ahead of any clock."""


def parse_list(raw: str, key: bytes) -> Question:
    """What `GET /events?{raw}` asks; `from` is included, `to` is not. Raises InvalidParameters."""
    checked = _checked(_parse_query(raw, _LIST_CHECKS), _LIST_CHECKS)
    since, until = _ordered(checked.get("from"), checked.get("to"))
    filters = {name: checked.get(name) for name in FILTERS}
    stores, descending = checked.get("store", _STORES["both"]), checked.get("order", True)
    question = Question(
        stores=stores,
        low=Position(since) if since else None,
        high=Position(until or _LAST_MOMENT),
        descending=descending,
        scope=json.dumps([stores, descending, since, until, filters]),
        limit=checked.get("limit", 50),
        fields=checked.get("fields", FIELDS),
        **filters,
    )
    return question.after(_place(checked["cursor"], question.scope, key)) if "cursor" in checked else question


def parse_stored(raw: str, key: bytes) -> Question:
    """What `GET /stored?{raw}` asks: what was stored from `since` on, oldest first. Raises InvalidParameters."""
    checked = _checked(_parse_query(raw, _STORED_CHECKS), _STORED_CHECKS)
    filters = {name: checked.get(name) for name in FILTERS}
    since = checked.get("since")
    question = Question(
        stores=(POSTGRES,),
        low=Position(since) if since else None,
        high=Position(_LAST_MOMENT),
        descending=False,
        scope=json.dumps(["stored", since, filters]),
        limit=checked.get("limit", 50),
        fields=checked.get("fields", STORED_FIELDS),
        **filters,
    )
    return question.after(_place(checked["cursor"], question.scope, key)) if "cursor" in checked else question


def parse_stats(raw: str) -> Question:
    """What `GET /stats?{raw}` asks: every event of the range. Raises InvalidParameters."""
    checked = _checked(_parse_query(raw, _STATS_CHECKS), _STATS_CHECKS)
    since, until = _ordered(checked.get("from"), checked.get("to"))
    until = until or _now_at_least(since)
    if since and since < _before(until, _STATS_LONGEST):
        raise InvalidParameters({"from": kinds.RANGE_TOO_LONG(days=_STATS_LONGEST.days)})
    return _whole_range(since or _before(until, _STATS_SPAN), until, _EVERY_EVENT)


def parse_differences(raw: str, key: bytes) -> Question:
    """What `GET /differences?{raw}` asks: a range's events, oldest first, what is settled. Raises InvalidParameters."""
    checked = _checked(_parse_query(raw, _DIFFERENCES_CHECKS), _DIFFERENCES_CHECKS)
    since, until = _ordered(checked.get("from"), checked.get("to"))
    settled = max(settled_until(until), since or "")
    scope = json.dumps(["differences", since, until])
    question = _whole_range(since or _before(settled, _DIFFERENCES_SPAN), settled, _COMPARED_ROWS, scope)
    return question.after(_place(checked["cursor"], scope, key)) if "cursor" in checked else question


def parse_identity(raw: str) -> Identity:
    """The (source, id) of `GET /event?{raw}`. Raises InvalidParameters."""
    parameters = _parse_query(raw, _IDENTITY_CHECKS)
    if missing := [name for name in _IDENTITY_CHECKS if name not in parameters]:
        raise InvalidParameters(dict.fromkeys(missing, kinds.REQUIRED()))
    checked = _checked(parameters, _IDENTITY_CHECKS)
    return checked["source"], checked["id"]


def check_nothing(raw: str) -> None:
    """Raises InvalidParameters where a route that has no parameters got one."""
    _parse_query(raw, {})


def _ordered(since: str | None, until: str | None) -> tuple[str | None, str | None]:
    if since and until and since > until:
        raise InvalidParameters({"from": kinds.RANGE_REVERSED()})
    return since, until


def _now_at_least(since: str | None) -> str:
    """The end of a range without one; a range that begins later is empty."""
    return max(clock.rfc3339(clock.now()), since or "")


def _before(moment: str, span: timedelta) -> str:
    return clock.rfc3339(max(datetime.fromisoformat(moment), _EPOCH + span) - span)


def _whole_range(since: str, until: str, limit: int, scope: str = "") -> Question:
    """Every event of a range, without its content, oldest first."""
    return Question(
        stores=_STORES["both"],
        low=Position(since),
        high=Position(until),
        descending=False,
        scope=scope,
        limit=limit,
        fields=(),
    )


def _parse_query(raw: str, known: Mapping[str, Any]) -> dict[str, str]:
    pairs = parse_qsl(raw, keep_blank_values=True, errors="surrogateescape")
    times = Counter(name for name, _ in pairs)
    faults: dict[str, Defect] = {}
    for name, value in pairs:
        if name not in known:
            faults[_utf8(name)] = _unknown(known)
        elif times[name] > 1:
            faults[name] = kinds.REPEATED_PARAMETER()
        elif value != _utf8(value):
            faults[name] = kinds.NOT_UTF8()
    if faults:
        raise InvalidParameters(faults)
    return dict(pairs)


def _checked(parameters: dict[str, str], checks: Mapping[str, Callable[[str], Any]]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    faults: dict[str, Defect] = {}
    for name, text in parameters.items():
        try:
            values[name] = checks[name](text)
        except _Wrong as fault:
            faults[name] = fault.defect
    if faults:
        raise InvalidParameters(faults)
    return values


class _Wrong(Exception):
    """A parameter's value that a check refuses."""

    def __init__(self, defect: Defect) -> None:
        super().__init__(defect.detail)
        self.defect = defect


def _unknown(known: Mapping[str, Any]) -> Defect:
    return kinds.UNKNOWN_PARAMETER(known=", ".join(known)) if known else kinds.NO_PARAMETERS()


def _utf8(text: str) -> str:
    return text.encode(errors="surrogateescape").decode(errors="replace")


def _one_of(choices: dict[str, T]) -> Callable[[str], T]:
    def check(text: str) -> T:
        if text not in choices:
            raise _Wrong(kinds.NOT_A_CHOICE(choices=", ".join(choices)))
        return choices[text]

    return check


def _limit(text: str) -> int:
    if not re.fullmatch(r"[1-9][0-9]{0,2}", text) or int(text) > MAX_LIMIT:
        raise _Wrong(kinds.NOT_A_COUNT(least=1, most=MAX_LIMIT))
    return int(text)


def _some_of(fields: tuple[str, ...]) -> Callable[[str], tuple[str, ...]]:
    def check(text: str) -> tuple[str, ...]:
        names = text.split(",")
        if not set(names) <= set(fields):
            raise _Wrong(kinds.NOT_CHOICES(choices=", ".join(fields)))
        return tuple(name for name in fields if name in names)

    return check


def _text(text: str) -> str:
    if not text:
        raise _Wrong(kinds.EMPTY())
    if found := CONTROL.search(text):
        raise _Wrong(kinds.IMPOSSIBLE_CHARACTER(character=f"U+{ord(found[0]):04X}"))
    return text


def _identity_part(text: str) -> str:
    if len(text.encode()) > _MAX_IDENTITY_BYTES:
        raise _Wrong(kinds.TOO_LONG(most=_MAX_IDENTITY_BYTES))
    return _text(text)


def _time(text: str) -> str:
    try:
        # Nothing was received before 1970, and from there on a year's text has four digits.
        return clock.rfc3339(max(clock.parse_rfc3339(text), _EPOCH))
    except clock.OutOfRange:
        raise _Wrong(kinds.TIME_OUT_OF_RANGE()) from None
    except ValueError:
        raise _Wrong(kinds.NOT_A_TIME_IN_URL(example="2026-11-23T15:24:00Z")) from None


def _place(text: str, scope: str, key: bytes) -> Position:
    try:
        return cursor.decode(text, scope, key)
    except cursor.ForeignCursor:
        raise InvalidParameters({"cursor": kinds.FOREIGN_CURSOR()}) from None


_LIST_CHECKS: dict[str, Callable[[str], Any]] = {
    "store": _one_of(_STORES),
    "type": _text,
    "source": _identity_part,
    "id": _identity_part,
    "subject": _text,
    "from": _time,
    "to": _time,
    "order": _one_of(_DESCENDING),
    "limit": _limit,
    "cursor": _text,
    "fields": _some_of(FIELDS),
}
_STORED_CHECKS: dict[str, Callable[[str], Any]] = {
    "since": _time,
    "type": _text,
    "source": _identity_part,
    "id": _identity_part,
    "subject": _text,
    "limit": _limit,
    "cursor": _text,
    "fields": _some_of(STORED_FIELDS),
}
_STATS_CHECKS: dict[str, Callable[[str], Any]] = {"from": _time, "to": _time}
_DIFFERENCES_CHECKS: dict[str, Callable[[str], Any]] = {"from": _time, "to": _time, "cursor": _text}
_IDENTITY_CHECKS: dict[str, Callable[[str], Any]] = {"source": _identity_part, "id": _identity_part}
