"""PostgreSQL's rows, read and removed in bounded pages over one connection."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Self, TypeVar

import msgspec
import psycopg2
from psycopg2.extensions import connection as Connection  # noqa: N812 - a class, named so by psycopg2

from cli.stored_copies import Copy, Found
from pipeline.core.errors import StoreUnavailable
from pipeline.core.identity import Identity
from pipeline.events.metadata import Metadata

PAGE_ROWS = 1000
DELETED_ROWS = 500
"""A batch's locks are held for some milliseconds."""
_SQL = {file.stem: file.read_text() for file in (Path(__file__).parent / "sql").glob("*.sql")}
_CONNECT_S = 5
_OPTIONS = "-c statement_timeout=60000 -c lock_timeout=5000"
T = TypeVar("T")


class Rows:
    """The table `events`. Each call raises StoreUnavailable; each statement is its own transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @classmethod
    @asynccontextmanager
    async def connected(cls, url: str) -> AsyncIterator[Self]:
        """The rows of the database at `url`. Raises StoreUnavailable."""
        connection = await _in_thread(
            lambda: psycopg2.connect(
                url, connect_timeout=_CONNECT_S, options=_OPTIONS, application_name="mensageria-tools"
            )
        )
        connection.autocommit = True
        try:
            yield cls(connection)
        finally:
            await asyncio.to_thread(connection.close)

    async def copies(self, since: str, until: str) -> AsyncIterator[Copy]:
        """The copies received from `since` on and before `until`, by time, source and id."""
        after = (since, "", "")
        while rows := await self._run(
            "page",
            after_time=after[0],
            after_source=after[1],
            after_id=after[2],
            until=until,
            rows=PAGE_ROWS,
        ):
            for row in rows:
                yield _copy(row)
            after = rows[-1][:3]

    async def find(self, identities: Iterable[Identity]) -> list[Found]:
        """The rows of `identities`; the bodies are PostgreSQL's own writing of the same JSON."""
        found = await self._run("find", identities=_json(identities))
        return [Found(_copy(row), row[4], row[5], row[8].encode(), Metadata(row[0], row[6], row[7])) for row in found]

    async def sources_of(self, id_: str) -> list[str]:
        """The sources that have an event with this id."""
        return [source for (source,) in await self._run("sources_of", id=id_)]

    async def count_older(self, before: str) -> int:
        """How many rows were received before `before`."""
        rows = await self._run("count_older", before=before)
        return int(rows[0][0])

    async def delete_older(self, before: str) -> AsyncIterator[int]:
        """Delete what was received before `before`, and give each batch's size."""
        while deleted := await self._change("delete_older", before=before, rows=DELETED_ROWS):
            yield deleted

    async def of_subject(self, subject: str) -> AsyncIterator[list[Identity]]:
        """The identities of a subject's events, a page at a time."""
        after: Identity = ("", "")
        while page := await self._run(
            "of_subject", subject=subject, after_source=after[0], after_id=after[1], rows=DELETED_ROWS
        ):
            yield page
            after = page[-1]

    async def delete_of_subject(self, identities: Iterable[Identity], subject: str) -> int:
        """Delete those of `identities` that are the subject's; how many there were."""
        return await self._change("delete_of_subject", identities=_json(identities), subject=subject)

    async def begin_erasure(self, reference: str) -> int:
        """Record that an erasure has begun; its number."""
        rows = await self._run("begin_erasure", reference=reference)
        return int(rows[0][0])

    async def record_erasure(self, number: int, rows: int, items: int, dead_letters: int, *, whole: bool) -> None:
        """Record what an erasure has removed, and its end where it was `whole`: without one it is to be repeated."""
        values = {"rows": rows, "items": items, "dead_letters": dead_letters}
        await self._change("record_erasure", id=number, whole=whole, **values)

    async def _run(self, statement: str, **values: Any) -> list[Any]:
        def run() -> list[Any]:
            with self._connection.cursor() as cursor:
                cursor.execute(_SQL[statement], values)
                return cursor.fetchall()

        return await _in_thread(run)

    async def _change(self, statement: str, **values: Any) -> int:
        def run() -> int:
            with self._connection.cursor() as cursor:
                cursor.execute(_SQL[statement], values)
                return int(cursor.rowcount)

        return await _in_thread(run)


async def _in_thread(call: Callable[[], T]) -> T:
    try:
        return await asyncio.to_thread(call)
    except psycopg2.Error as error:
        raise StoreUnavailable(f"postgres: {str(error).strip()}") from error


def _copy(row: Any) -> Copy:
    received_at, source, id_, content_hash = row[:4]
    return Copy(received_at, source, id_, content_hash, None)


def _json(identities: Iterable[Identity]) -> str:
    return msgspec.json.encode([{"source": source, "id": id_} for source, id_ in identities]).decode()
