"""`python -m bench.workloads.postgres_rows BATCHES|copy COUNT CORE`: write COUNT rows and print the seconds it took.

BATCHES is how many service B's writer is given at once: 1, as the service does; `copy` is the
server's own COPY of the same rows, ready made, in one transaction: the limit of any writer.
"""

import asyncio
import csv
import io
import os
import sys
import time
from itertools import islice

import psycopg2
import uvloop

from bench import events
from pipeline.core.clock import now, rfc3339
from pipeline.core.settings import read
from pipeline.core.settings.workers import ServiceBSettings
from pipeline.events.delivery import Arrival, Delivery
from pipeline.events.event import parse
from streams.postgres import PostgresStore

_ORIGIN = {"queue": "events", "message_id": "00000000-0000-0000-0000-000000000000"}
_COPY = """
copy events (source, id, type, subject, "time", received_at, origin, content_hash, event) from stdin with (format csv)
"""


async def store(settings: ServiceBSettings, deliveries: list[Delivery], at_once: int) -> float:
    """The seconds that our writer takes."""
    writer = PostgresStore(settings.postgres_url, connections=at_once, timeout_s=60)
    size = settings.worker.batch_events
    batches = iter([deliveries[first : first + size] for first in range(0, len(deliveries), size)])

    async def one_after_another() -> None:
        for batch in batches:
            await writer.store(batch)

    await asyncio.gather(*(writer.ping() for _ in range(at_once)))
    begun = time.perf_counter()
    await asyncio.gather(*(one_after_another() for _ in range(at_once)))
    seconds = time.perf_counter() - begun
    await writer.close()
    return seconds


def copy(settings: ServiceBSettings, deliveries: list[Delivery]) -> float:
    """The seconds that COPY takes."""
    rows = io.StringIO()
    csv.writer(rows).writerows(map(_row, deliveries))
    rows.seek(0)
    connection = psycopg2.connect(settings.postgres_url)
    try:
        with connection.cursor() as cursor:
            begun = time.perf_counter()
            cursor.copy_expert(_COPY, rows)
            connection.commit()
            return time.perf_counter() - begun
    finally:
        connection.close()


def _row(delivery: Delivery) -> tuple[str | None, ...]:
    event = delivery.event
    head = (event.source, event.id, event.type, event.subject, event.time, delivery.received_at)
    return (*head, '{"queue": "events"}', f"\\x{event.content_hash().hex()}", event.body.decode())


def main() -> None:
    """One way of writing."""
    way, count, core = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    os.sched_setaffinity(0, {core})
    settings, moment = read(ServiceBSettings), rfc3339(now())
    arrivals = (Arrival(body, "sqs", _ORIGIN, first_seen=moment) for body in islice(events.bodies(), count))
    deliveries = [Delivery(parse(arrival.body), arrival) for arrival in arrivals]
    if way == "copy":
        seconds = copy(settings, deliveries)
    else:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            seconds = runner.run(store(settings, deliveries, int(way)))
    sys.stdout.write(f"{seconds}\n")


if __name__ == "__main__":
    main()
