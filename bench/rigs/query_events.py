"""`python -m bench.rigs.query_events COUNT`: put COUNT new events into both stores, by all ways, with our writers."""

import asyncio
import sys
from datetime import timedelta
from itertools import islice

from bench import events
from pipeline.core.clock import now, rfc3339
from pipeline.core.settings import read
from pipeline.core.settings.workers import ServiceBSettings, ServiceCSettings
from pipeline.core.ways import Via
from pipeline.events.delivery import Arrival, Delivery
from pipeline.events.event import parse
from pipeline.events.metadata import Metadata
from streams.dynamodb import CALL_ITEMS, DynamoStore
from streams.postgres import PostgresStore

_BATCH_EVENTS = 500
_EVERY = timedelta(milliseconds=100)


async def fill(count: int) -> None:
    """Store the events, received at an even pace up to now."""
    b, c = read(ServiceBSettings), read(ServiceCSettings)
    postgres = PostgresStore(b.postgres_url, connections=1, timeout_s=60)
    dynamodb = DynamoStore(c.table, calls=c.write_calls)
    first = now() - count * _EVERY
    bodies = list(islice(events.bodies(), count))
    for start in range(0, count, _BATCH_EVENTS):
        batch = bodies[start : start + _BATCH_EVENTS]
        for way in ("sqs", "kafka"):
            deliveries = [
                _delivery(body, way, rfc3339(first + (start + number) * _EVERY)) for number, body in enumerate(batch)
            ]
            calls = (deliveries[at : at + CALL_ITEMS] for at in range(0, len(deliveries), CALL_ITEMS))
            await asyncio.gather(*map(dynamodb.store, calls))
            if way == "sqs":
                await postgres.store(deliveries)
    await postgres.close()
    await dynamodb.close()


def _delivery(body: bytes, via: Via, received_at: str) -> Delivery:
    return Delivery(parse(body), Arrival(body, via, {}, first_seen=received_at, metadata=Metadata(received_at)))


if __name__ == "__main__":
    asyncio.run(fill(int(sys.argv[1])))
