"""The days that the table has events of, written before a day's first event (pipeline/core/table.py)."""

from collections.abc import Awaitable, Callable, Iterable
from time import monotonic
from typing import Any

from pipeline.core import table

_KNOWN_S = 10.0
"""A day is written again after so long: a table in memory may have lost it with its server."""
_DAY_S = 86_400
_MARGIN_S = 14 * _DAY_S
"""A day outlives its events by so long: DynamoDB removes what has expired within a few days."""


class Days:
    """Knows which days are written. `put` writes at most so many, and returns the keys of those that were left out."""

    def __init__(self, put: Callable[[list[dict[str, Any]]], Awaitable[set[tuple[str, str]]]], most: int) -> None:
        self._put = put
        self._most = most
        self._written: dict[str, float] = {}

    async def add(self, expiries: dict[str, int | None]) -> int:
        """Write those of the days that aren't written; each with when its last event expires, in epoch seconds.

        How many of a call were left out: those that were written are not written again.
        """
        moment = monotonic()
        self._written = {day: at for day, at in self._written.items() if moment - at < _KNOWN_S}
        missing = sorted(expiries.keys() - self._written.keys())
        for start in range(0, len(missing), self._most):
            items = {day: table.day_item(day) | _expiry(expiries[day]) for day in missing[start : start + self._most]}
            left_out = await self._put(list(items.values()))
            self._written |= {day: moment for day, item in items.items() if table.key(item) not in left_out}
            if left_out:
                return len(left_out)
        return 0

    def forget(self) -> None:
        """Write each day again at its next event: the table may be another one."""
        self._written.clear()


def last_expiries(items: Iterable[dict[str, Any]]) -> dict[str, int | None]:
    """The days of `items`, each with the latest `expires_at` of its items; None where one is kept for ever."""
    found: dict[str, int | None] = {}
    for item in items:
        day = table.day_of(item["received_at"]["S"])
        expires_at = int(item["expires_at"]["N"]) if "expires_at" in item else None
        known = found.get(day, 0)
        found[day] = None if expires_at is None or known is None else max(known, expires_at)
    return found


def _expiry(last: int | None) -> dict[str, Any]:
    return {} if last is None else {"expires_at": {"N": str(last + _DAY_S + _MARGIN_S)}}
