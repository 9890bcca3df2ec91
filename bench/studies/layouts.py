"""The ways in which the table `events` could be laid out, each tried on a server of its own."""

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg2
from psycopg2.extensions import connection as Connection  # noqa: N812 - a class, named so by psycopg2

from stack.home import ROOT

_SQL = Path(__file__).parent / "sql"
_FILL = (_SQL / "fill.sql").read_text()
_COPY_IDENTITIES = """
insert into identities select source, id, received_at, content_hash from events on conflict do nothing
"""
_DELETE_OLDER = (ROOT / "cli" / "sql" / "delete_older.sql").read_text()
_REMOVE_DAY = (_SQL / "remove_day.sql").read_text()
_INDEXES = "select indexname, indexdef from pg_indexes where tablename = 'events' and schemaname = 'public'"
_FOR_FILLING = "set synchronous_commit = off; set maintenance_work_mem = '512MB'"


@dataclass(frozen=True, kw_only=True)
class Layout:
    """A way: the statements that make its tables, and the one that writes a batch."""

    tables: str
    insert: str
    identities: bool = False
    """Whether a table of its own keeps the identities."""

    def make(self, connection: Connection) -> list[str]:
        """Lay out an empty table in place of the migrations'; the definitions of its indexes, yet to be made."""
        with connection.cursor() as cursor:
            cursor.execute(_INDEXES)
            definitions = [text for name, text in cursor.fetchall() if not (self.identities and name == "events_pkey")]
            cursor.execute(f"alter table events rename to whole; {self.tables}; drop table whole")
            cursor.execute("grant select on events to mensageria_query")
        return definitions

    def fill(self, connection: Connection, low: int, high: int, indexes: Sequence[str]) -> None:
        """Add the events of these numbers, without indexes, and make `indexes` then."""
        with connection.cursor() as cursor:
            cursor.execute(_FOR_FILLING)
            cursor.execute(_INDEXES)
            for name, _ in cursor.fetchall():
                cursor.execute(f"drop index {name}")
            cursor.execute(_FILL, {"low": low, "high": high})
            if self.identities:
                cursor.execute(_COPY_IDENTITIES)
            for each in indexes:
                cursor.execute(each)
            cursor.execute("vacuum analyze")
            cursor.execute("checkpoint")

    def remove(self, connection: Connection, rows: int) -> int:
        """Remove some `rows` of the oldest as retention does, or a day where that is a part; how many."""
        with connection.cursor() as cursor:
            if self.identities:
                cursor.execute("select count(*) from part_1")
                [(found,)] = cursor.fetchall()
                cursor.execute(_REMOVE_DAY)
                return int(found)
            cursor.execute(_DELETE_OLDER, {"before": "now", "rows": rows})
            return int(cursor.rowcount)


def _text(name: str) -> str:
    return (_SQL / f"{name}.sql").read_text()


_INSERT = (ROOT / "streams" / "sql" / "insert_events.sql").read_text()
LAYOUTS = {
    "one table": Layout(tables=_text("plain"), insert=_INSERT),
    "by identity": Layout(tables=_text("by_identity"), insert=_INSERT),
    "by time": Layout(tables=_text("by_time"), insert=_text("insert_by_time"), identities=True),
}


@contextmanager
def connected(url: str) -> Generator[Connection, None, None]:
    """A connection to `url`, on which each statement is a transaction of its own."""
    connection = psycopg2.connect(url)
    connection.autocommit = True
    try:
        yield connection
    finally:
        connection.close()
