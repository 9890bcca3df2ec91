"""The events in PostgreSQL, by one connection that is made at its first use and lives on."""

import contextlib
import json
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from pg8000.exceptions import DatabaseError, InterfaceError
from pg8000.native import Connection

from lambda_query.postgres_connection import ConnectionLost, connect, unavailable
from lambda_query.question import Identity, Place, Question
from lambda_query.records import Listed, Page, Stored
from pipeline.errors import StoreUnavailable

_SQL = Path(__file__).parent / "sql"
_NEWEST_FIRST = (_SQL / "newest_first.sql").read_text()
_OLDEST_FIRST = (_SQL / "oldest_first.sql").read_text()
_PRESENT = (_SQL / "present.sql").read_text()
_ONE_EVENT = (_SQL / "one_event.sql").read_text()
_STORED = ("received_at", "stored_at", "origin", "content_hash", "event")
"""The columns of one_event.sql."""
_BEGINNING = Place("1970-01-01T00:00:00.000000Z")


class Postgres:
    """Reads of the table `events`; each may raise StoreUnavailable after at most about `timeout_s`.

    `page` opens a snapshot in which `present` looks too, so that an event which arrives
    between the two is not held for listed; `release` ends it.
    """

    def __init__(self, url: str, timeout_s: float) -> None:
        self._url = url
        self._timeout_s = timeout_s
        self._connection: Connection | None = None
        self._in_snapshot = False
        self._in_use = threading.Lock()

    def page(self, question: Question) -> Page:
        """The first `limit` events of `question` and one more where there are more."""
        low = question.low or _BEGINNING
        statement = _NEWEST_FIRST if question.descending else _OLDEST_FIRST
        bounds = {f"low_{name}": value for name, value in low._asdict().items()}
        bounds |= {f"high_{name}": value for name, value in question.high._asdict().items()}
        filters = {"source": question.source, "type": question.type, "subject": question.subject}
        rows = self._read(statement, **bounds, **filters, with_event=question.with_events, rows=question.limit + 1)
        events = [Listed(Place(*row[:3]), *row[3:]) for row in rows]
        return Page(events, events[-1].place if len(events) > question.limit else None)

    def present(self, identities: Iterable[Identity]) -> set[Identity]:
        """Those of `identities` that were here when `page` was read."""
        with self._exclusive():
            if not self._connection or not self._in_snapshot:
                raise StoreUnavailable("the snapshot was lost with its connection")
            rows = self._run(self._connection, _PRESENT, identities=json.dumps(list(identities)))
        return {(source, id_) for source, id_ in rows}

    def find(self, identity: Identity) -> Stored | None:
        """The row of `identity`."""
        source, id_ = identity
        rows = self._read(_ONE_EVENT, source=source, id=id_)
        return Stored(via="sqs", **dict(zip(_STORED, rows[0], strict=True))) if rows else None

    def release(self) -> None:
        """End the snapshot: between two requests an instance may be frozen for long."""
        if not self._in_use.acquire(blocking=False):
            return  # a read that was given up on: it ends by its own timeout, the snapshot by the server's
        try:
            if self._connection and self._in_snapshot:
                self._run(self._connection, "rollback")
                self._in_snapshot = False
        except StoreUnavailable:
            pass  # the snapshot went with its connection
        finally:
            self._in_use.release()

    def close(self) -> None:
        """Close the connection."""
        with self._exclusive():
            self._drop()

    def _read(self, statement: str, **values: Any) -> list[Any]:
        with self._exclusive():
            if self._connection:
                try:
                    return self._read_in_snapshot(self._connection, statement, values)
                except ConnectionLost:
                    pass  # stale, after a failover or a long sleep: once more on a new one
            self._connection = connect(self._url, self._timeout_s)
            return self._read_in_snapshot(self._connection, statement, values)

    def _read_in_snapshot(self, connection: Connection, statement: str, values: dict[str, Any]) -> list[Any]:
        timeout_ms = int(self._timeout_s * 1000)
        self._run(
            connection,
            "rollback; begin isolation level repeatable read read only;"
            f" set local statement_timeout = {timeout_ms};"
            f" set local idle_in_transaction_session_timeout = {4 * timeout_ms}",
        )
        self._in_snapshot = True
        return self._run(connection, statement, **values)

    def _run(self, connection: Connection, statement: str, **values: Any) -> list[Any]:
        try:
            return list(connection.run(statement, **values) or ())
        except (DatabaseError, InterfaceError, OSError) as error:
            failure = unavailable(error)
            if not failure:
                raise
            self._drop()
            raise failure from error

    def _drop(self) -> None:
        connection, self._connection, self._in_snapshot = self._connection, None, False
        if connection:
            # It may be broken already; closing then says so once more.
            with contextlib.suppress(InterfaceError, OSError):
                connection.close()

    @contextlib.contextmanager
    def _exclusive(self) -> Iterator[None]:
        if not self._in_use.acquire(timeout=self._timeout_s):
            raise StoreUnavailable("the connection still waits for an earlier answer")
        try:
            yield
        finally:
            self._in_use.release()
