"""aiopg's connections, made safe for a server that goes away, and a few of them kept open.

libpq closes its socket by itself when the server goes, while the event loop still watches
it. uvloop then keeps a dead entry for that file descriptor, and whoever is given its number
next, a connection to SQS say, fails for ever. So the loop watches a duplicate that is ours.
"""

import asyncio
import os
import weakref
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import aiopg.connection


class Connection(aiopg.connection.Connection):  # type: ignore[misc]
    """A connection whose file descriptor in the event loop outlives libpq's."""

    _fileno: int | None

    def __init__(self, url: str, timeout_s: float, **parameters: Any) -> None:
        super().__init__(url, timeout_s, False, False, False, False, **parameters)
        self._loop.remove_reader(self._conn.fileno())
        self._fileno = os.dup(self._conn.fileno())
        self._loop.add_reader(self._fileno, self._ready, self._weakref)

    @staticmethod
    def _ready(weak_self: "weakref.ref[Any]") -> None:
        aiopg.connection.Connection._ready(weak_self)
        self = weak_self()
        if self is not None and self._conn.closed:
            self.close()  # nobody may be waiting for it: aiopg would go on watching a dead socket

    def _close(self) -> None:
        super()._close()
        if self._fileno is not None:
            os.close(self._fileno)
            self._fileno = None


class Connections:
    """At most `most` connections to one database; a broken one is replaced at its next use."""

    def __init__(self, url: str, *, most: int, timeout_s: float, **parameters: Any) -> None:
        self._url = url
        self._timeout_s = timeout_s
        self._parameters = parameters
        self._free: list[Connection] = []
        self._room = asyncio.Semaphore(most)

    @asynccontextmanager
    async def one(self) -> AsyncGenerator[Connection, None]:
        """A connection for the block; raises psycopg2.Error or TimeoutError where there can't be one."""
        async with self._room:
            connection = self._take() or await Connection(self._url, self._timeout_s, **self._parameters)
            try:
                yield connection
            except BaseException:
                connection.close()
                raise
            self._free.append(connection)

    def close(self) -> None:
        """Close those that are free; no statement may be under way."""
        while self._free:
            self._free.pop().close()

    def _take(self) -> Connection | None:
        while self._free:
            if not (connection := self._free.pop()).closed:
                return connection
        return None
