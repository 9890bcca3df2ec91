"""Events in PostgreSQL: one row an event, one statement a batch."""

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import psycopg2

from pipeline.core.clock import rfc3339
from pipeline.core.errors import Rejected, StoreUnavailable
from pipeline.core.identity import Identity
from pipeline.core.ways import SERVICE_B, Via
from pipeline.events.delivery import Delivery
from pipeline.events.strict_json import is_rewritten
from streams.postgres_connections import Connections
from streams.store import Copy, PartlyStored, Stored, origin_of

_SQL = Path(__file__).parent / "sql"
_INSERT = (_SQL / "insert_events.sql").read_text()
_SELECT_HASHES = (_SQL / "select_content_hashes.sql").read_text()
_SELECT_COPIES = (_SQL / "select_copies.sql").read_text()
_NEVER = ("22", "23", "54")
"""SQLSTATE classes of rows that no retry can store: data, constraint, program limit."""


class PostgresStore:
    """The table; it connects at the first use, and again whenever it must."""

    name = "postgres"
    call_events = 500
    calls = 1
    """One at a time: the first content of an identity is the one that stays."""

    def __init__(self, url: str, *, connections: int, timeout_s: float) -> None:
        self._connections = Connections(
            url,
            most=connections,
            timeout_s=timeout_s,
            application_name=SERVICE_B,
            keepalives_idle=10,
            tcp_user_timeout=int(timeout_s * 1000),
            options=f"-c statement_timeout={int(timeout_s * 1000)}",
        )

    async def store(self, deliveries: Sequence[Delivery]) -> Stored:
        """Insert what is new, and tell repeats from conflicts by the content's hash."""
        first_of: dict[tuple[str, str], Delivery] = {}
        later: list[Delivery] = []
        for delivery in deliveries:
            if first_of.setdefault(delivery.event.identity, delivery) is not delivery:
                later.append(delivery)
        # In one order everywhere, so that two workers with the same events never deadlock.
        firsts = sorted(first_of.values(), key=lambda delivery: delivery.event.identity)
        inserted = {(source, id_) for source, id_ in await self._run(_INSERT, _rows(firsts))}
        known = [delivery for delivery in firsts if delivery.event.identity not in inserted]
        result = Stored(new=[delivery for delivery in firsts if delivery.event.identity in inserted])
        try:
            held = await self._content_hashes(known)
        except StoreUnavailable as error:
            # What was inserted is committed: another try would find it, and call it a repeat.
            raise PartlyStored(result, str(error)) from error
        for delivery in known + later:
            identity, content_hash = delivery.event.identity, delivery.event.content_hash()
            same = content_hash == (held.get(identity) or first_of[identity].event.content_hash())
            (result.repeated if same else result.conflicting).append(delivery)
        return result

    async def copies(self, identities: Sequence[Identity]) -> Mapping[Identity, Copy]:
        """What the table has of the identities, for receipts. Raises StoreUnavailable."""
        rows = await self._run(_SELECT_COPIES, _keys(identities))
        return {
            (source, id_): Copy(received_at, stored_at, origin_of(origin, traceparent))
            for source, id_, received_at, stored_at, origin, traceparent in rows
        }

    async def ways(self, identity: Identity) -> Sequence[tuple[Via, Copy]]:
        """What the table has of one event. Raises StoreUnavailable."""
        return [("sqs", copy) for copy in (await self.copies([identity])).values()]

    async def ping(self) -> None:
        """Raises StoreUnavailable where no connection answers."""
        await self._run("select 1", b"[]")

    async def close(self) -> None:
        """Close the connections."""
        self._connections.close()

    async def _content_hashes(self, known: Sequence[Delivery]) -> Mapping[tuple[str, str], bytes]:
        if not known:
            return {}
        rows = await self._run(_SELECT_HASHES, _keys([delivery.event.identity for delivery in known]))
        held = {(source, id_): bytes(content_hash) for source, id_, content_hash in rows}
        if len(held) < len(known):
            raise StoreUnavailable("postgres: a row went away between the insert and the comparison")
        return held

    async def _run(self, statement: str, rows: bytes) -> list[Any]:
        try:
            async with self._connections.one() as connection, connection.cursor() as cursor:
                await cursor.execute(statement, {"rows": rows.decode()})
                return list(await cursor.fetchall())
        except psycopg2.Error as error:
            raise _sorted_out(error) from error
        except (OSError, TimeoutError) as error:
            raise StoreUnavailable(f"postgres: {error!r}") from error
        except asyncio.CancelledError:
            # aiopg raises it too where the server cancelled the statement, at its timeout for one.
            task = asyncio.current_task()
            if task and task.cancelling():
                raise
            raise StoreUnavailable("postgres: the server cancelled the statement") from None


def _sorted_out(error: psycopg2.Error) -> Rejected | StoreUnavailable:
    text = str(error).strip().partition("\n")[0]
    if (error.pgcode or "")[:2] in _NEVER:
        return Rejected("rejected", f"postgres {error.pgcode}: {text}")
    return StoreUnavailable(f"postgres {error.pgcode or 'connection'}: {text}")


def _keys(identities: Sequence[Identity]) -> bytes:
    return msgspec.json.encode([{"source": source, "id": id_} for source, id_ in identities])


def _rows(deliveries: Sequence[Delivery]) -> bytes:
    return msgspec.json.encode([_row(delivery) for delivery in deliveries])


def _row(delivery: Delivery) -> dict[str, Any]:
    event, arrival, moment = delivery.event, delivery.arrival, delivery.event.moment()
    return {
        "source": event.source,
        "id": event.id,
        "type": event.type,
        "subject": event.subject,
        "time": moment and rfc3339(moment),  # PostgreSQL takes fewer offsets and digits than RFC 3339 has
        **arrival.metadata.every(),
        "received_at": delivery.received_at,
        "origin": arrival.origin,
        "content_hash": event.content_hash().hex(),
        "event": msgspec.Raw(event.body),
        "written": event.body.decode() if is_rewritten(event.body) else None,
    }
