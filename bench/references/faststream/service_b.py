"""Service B: ten messages at once into PostgreSQL."""

import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import asyncpg
import uvicorn

from bench.references.faststream.queue_worker import Received, Store, create_app
from pipeline.core.settings import read
from pipeline.core.settings.workers import ServiceBSettings

_INSERT = """
insert into events (source, id, type, subject, "time", received_at, origin, content_hash, event)
values ($1, $2, $3, $4, $5, $6, '{}', '', $7)
on conflict (source, id) do nothing
"""


def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    settings = read(ServiceBSettings)

    @asynccontextmanager
    async def opened() -> AsyncGenerator[Store, None]:
        async with asyncpg.create_pool(
            settings.postgres_url, min_size=1, max_size=settings.postgres_connections
        ) as pool:

            async def store(received: Received) -> None:
                moment = datetime.now(UTC)
                rows = [
                    (each.source, each.id, each.type, each.subject, each.time, moment, body) for each, body in received
                ]
                await pool.executemany(_INSERT, rows)

            yield store

    app = create_app(settings.queue_b_url, opened)
    uvicorn.run(app, host=settings.worker.web_host, port=int(sys.argv[1]), access_log=False)


if __name__ == "__main__":
    main()
