"""Events published side by side, those of one key one after the other.

Kafka keeps the order of what it gets by one key, and the first content of an identity is the one that
counts: so the next event of a `partitionkey`, or of an `id`, is sent once the one before has its answer.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

import msgspec

_NAMES = ("partitionkey", "id")
T = TypeVar("T")


def keys_of(event: bytes | str) -> frozenset[str]:
    """What `event`, JSON text, shares with those whose order counts; nothing where it is no event."""
    try:
        members = msgspec.json.decode(event, type=dict[str, msgspec.Raw])
        values = [msgspec.json.decode(members[name]) for name in _NAMES if name in members]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return frozenset()
    return frozenset(value for value in values if isinstance(value, str))


class InOrder(Generic[T]):
    """Does work side by side, `at_once` at most; what shares a key in the order in which it was started."""

    def __init__(self, at_once: int) -> None:
        self._free = asyncio.Semaphore(at_once)
        self._last: dict[str, asyncio.Task[T]] = {}

    def start(self, keys: frozenset[str], work: Callable[[], Awaitable[T]]) -> "asyncio.Task[T]":
        """Do `work` after what was started before with one of `keys`; where that failed, this fails as it did."""
        before = {self._last[key] for key in keys if key in self._last}
        task = asyncio.create_task(self._do(before, work))
        self._last |= dict.fromkeys(keys, task)
        task.add_done_callback(lambda done: self._forget(keys, done))
        return task

    async def _do(self, before: "set[asyncio.Task[T]]", work: Callable[[], Awaitable[T]]) -> T:
        if before:
            await asyncio.wait(before)
            for earlier in before:
                earlier.result()
        async with self._free:
            return await work()

    def _forget(self, keys: frozenset[str], done: "asyncio.Task[T]") -> None:
        """Only what went well: what comes after a failure would overtake it."""
        if not done.cancelled() and not done.exception():
            for key in keys:
                if self._last.get(key) is done:
                    del self._last[key]
