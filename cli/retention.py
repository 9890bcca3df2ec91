"""How long events are kept in PostgreSQL; in DynamoDB it is the attribute `expires_at` of each item."""

from collections.abc import AsyncIterator
from datetime import timedelta

from cli.postgres import Rows
from pipeline import clock


def days_ago(days: int) -> str:
    """The moment before which events are older than `days` days."""
    return clock.rfc3339(clock.now() - timedelta(days=days))


async def delete_older(rows: Rows, before: str) -> AsyncIterator[int]:
    """Delete the events received before `before` in small batches, each its own transaction; how many so far.

    Raises StoreUnavailable; what was deleted until then stays deleted.
    """
    deleted = 0
    async for batch in rows.delete_older(before):
        deleted += batch
        yield deleted
