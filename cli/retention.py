"""Retention in PostgreSQL; in DynamoDB it is the attribute `expires_at` of each item."""

from collections.abc import AsyncIterator

from cli.postgres import Rows


async def delete_older(rows: Rows, before: str) -> AsyncIterator[int]:
    """Delete the events received before `before` in small batches, each its own transaction; how many so far.

    Raises StoreUnavailable; what was deleted until then stays deleted.
    """
    deleted = 0
    async for batch in rows.delete_older(before):
        deleted += batch
        yield deleted
