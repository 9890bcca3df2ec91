"""Service B: ten received, inserted in one transaction, and deleted; eight at once."""

import sys
from datetime import UTC, datetime
from typing import Any

import asyncpg
import msgspec
from aiobotocore.session import get_session

from bench.references.plain import worker
from pipeline.core.settings import read
from pipeline.core.settings.workers import ServiceBSettings

_INSERT = """
insert into events (source, id, type, subject, "time", received_at, origin, content_hash, event)
values ($1, $2, $3, $4, $5, $6, '{}', '', $7)
on conflict (source, id) do nothing
"""


class Event(msgspec.Struct):
    """The columns of an event."""

    source: str
    id: str
    type: str
    subject: str | None = None
    time: datetime | None = None


_decoder = msgspec.json.Decoder(Event)


def _row(body: str) -> tuple[Any, ...]:
    event = _decoder.decode(body)
    return (event.source, event.id, event.type, event.subject, event.time, datetime.now(UTC), body)


async def work(settings: ServiceBSettings) -> None:
    """Consume for ever."""
    async with (
        asyncpg.create_pool(settings.postgres_url, min_size=1, max_size=settings.postgres_connections) as pool,
        get_session().create_client("sqs") as sqs,
    ):

        async def store(bodies: list[str]) -> None:
            await pool.executemany(_INSERT, [_row(body) for body in bodies])

        await worker.drain(sqs, settings.queue_b_url, store)


def main() -> None:
    """Run until SIGTERM or SIGINT."""
    settings = read(ServiceBSettings)
    worker.run(lambda: work(settings), settings.worker.web_host, int(sys.argv[1]))


if __name__ == "__main__":
    main()
