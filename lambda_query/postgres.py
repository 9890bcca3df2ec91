"""The events in PostgreSQL, by one connection that is made at its first use and lives on."""

import contextlib
import json
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from pg8000.exceptions import DatabaseError, InterfaceError
from pg8000.native import Connection, to_statement

from lambda_query.postgres_connection import ConnectionLost, connect, unavailable
from lambda_query.question import MAX_BYTES, Position, Question
from lambda_query.records import Listed, Page, Stored, StoredPage, StoredRow
from pipeline.core.errors import StoreUnavailable
from pipeline.core.identity import Identity

MOST_ROWS = 10_000
"""Most rows that one page reads where several filters are given: only the first of them has an index."""
_LEADING = ("id", "subject", "source", "type")
"""The filters, the one that is likely to leave the fewest events first."""
_BEGINNING = Position("1970-01-01T00:00:00.000000Z")
_END = Position("9999-12-31T23:59:59.999999Z")
_STORED = ("received_at", "stored_at", "origin", "traceparent", "content_hash", "event")
"""The columns of one_event.sql."""


class Statement:
    """A statement of a file in sql/, its `:names` found once: pg8000 looks for them at each run."""

    def __init__(self, text: str) -> None:
        self.text, self.parameters = to_statement(text)

    def run(self, connection: Connection, values: dict[str, Any]) -> list[Any]:
        """The rows. No prepared statement: a generic plan could not choose the index by the filter."""
        return list(connection.execute_unnamed(self.text, self.parameters(values), oids=()).rows or ())


def _text(name: str) -> str:
    return (Path(__file__).parent / "sql" / f"{name}.sql").read_text()


def _paged(name: str, time: str, direction: str = "") -> Statement:
    """The statement `name` in the order of `time`, then source and id; sized.sql is a part of each."""
    place = (time, "source", "id")
    slots = {"place": ", ".join(place), "order": ", ".join(f"{column}{direction}" for column in place)}
    return Statement(_text(name).format(sized=_text("sized").rstrip().format(**slots), **slots))


NEWEST_FIRST = _paged("page", "received_at", " desc")
OLDEST_FIRST = _paged("page", "received_at")
_ROWS = Statement(_text("rows"))
_ONE_EVENT = Statement(_text("one_event"))
_COUNTS = Statement(_text("counts"))
_STORED_SINCE = _paged("stored", "stored_at")


class Postgres:
    """Reads of the table `events`; each may raise StoreUnavailable after at most about `timeout_s`."""

    def __init__(self, url: str, timeout_s: float) -> None:
        self._url = url
        self._timeout_s = timeout_s
        self._connection: Connection | None = None
        self._in_use = threading.Lock()

    def page(self, question: Question) -> Page:
        """The first `limit` events of `question` and one more where there are more.

        Fewer where several filters are given and MOST_ROWS did not have them, or where their
        contents come to more than MAX_BYTES.
        """
        found = self._read(NEWEST_FIRST if question.descending else OLDEST_FIRST, **page_values(question))
        rows = [_listed(row[3:10], event=row[10]) for row in found if row[3]]
        if question.with_events:
            rows = [row for row in rows if row.event is not None]
        rows.sort(reverse=question.descending)
        reached = Position(*found[0][:3]) if found[0][0] else None
        is_cut = 0 < len(rows) < len(found) or len(rows) > question.limit
        return Page(rows, rows[-1].place if is_cut else reached)

    def stored(self, question: Question) -> StoredPage:
        """The first `limit` rows of `question`, whose places are of `stored_at`; none where it has no beginning."""
        low = question.low or _END
        rows = question.limit + 1
        found = self._read(
            _STORED_SINCE,
            low_stored_at=low.received_at,
            low_source=low.source,
            low_id=low.id,
            type=question.type,
            source=question.source,
            id=question.id,
            subject=question.subject,
            most=max(rows, MOST_ROWS) if question.filters else rows,
            rows=rows,
            with_event=question.with_events,
            bytes=MAX_BYTES,
        )
        matching = [StoredRow(*row[4:]) for row in found if row[4]]
        whole = [row for row in matching if not question.with_events or row.event is not None][: question.limit]
        reached = Position(*found[0][1:4]) if found[0][1] else None
        return StoredPage(whole, whole[-1].position if len(whole) < len(matching) else reached, found[0][0])

    def rows(self, identities: Iterable[Identity]) -> dict[Identity, Listed]:
        """Those of `identities` that are here, without their contents."""
        found = map(_listed, self._read(_ROWS, identities=json.dumps(list(identities))))
        return {row.identity: row for row in found}

    def find(self, identity: Identity) -> Stored | None:
        """The row of `identity`."""
        source, id_ = identity
        rows = self._read(_ONE_EVENT, source=source, id=id_, bytes=MAX_BYTES)
        return Stored(via="sqs", **dict(zip(_STORED, rows[0], strict=True))) if rows else None

    def counts(self, low: str, high: str) -> list[tuple[str, str, int]]:
        """(minute, type, events) of what was received from `low` on and before `high`."""
        return [(minute, type_, count) for minute, type_, count in self._read(_COUNTS, low=low, high=high)]

    def close(self) -> None:
        """Close the connection."""
        with self._exclusive():
            self._drop()

    def _read(self, statement: Statement, **values: Any) -> list[Any]:
        with self._exclusive():
            if self._connection:
                try:
                    return self._run(self._connection, statement, values)
                except ConnectionLost:
                    pass  # stale, after a failover or a long sleep: once more on a new one
            self._connection = connect(self._url, self._timeout_s)
            return self._run(self._connection, statement, values)

    def _run(self, connection: Connection, statement: Statement, values: dict[str, Any]) -> list[Any]:
        try:
            return statement.run(connection, values)
        except (DatabaseError, InterfaceError, OSError) as error:
            failure = unavailable(error)
            if not failure:
                raise
            self._drop()
            raise failure from error

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
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


def page_values(question: Question) -> dict[str, Any]:
    """The parameters of page.sql, by their names."""
    bounds = {f"low_{name}": value for name, value in (question.low or _BEGINNING)._asdict().items()}
    bounds |= {f"high_{name}": value for name, value in question.high._asdict().items()}
    filters = {name: getattr(question, name) for name in _LEADING}
    leading = next((name for name in _LEADING if name in question.filters), None)
    rows = question.limit + 1
    return {
        **bounds,
        **filters,
        **{f"leading_{name}": value if name == leading else None for name, value in filters.items()},
        "most": max(rows, MOST_ROWS) if len(question.filters) > 1 else rows,
        "rows": rows,
        "with_event": question.with_events,
        "bytes": MAX_BYTES,
    }


def _listed(row: Any, event: str | None = None) -> Listed:
    received_at, source, id_, type_, subject, time, content_hash = row
    return Listed(Position(received_at, source, id_), type_, subject, time, content_hash, event=event)
