"""Reports of what is stored, where Kafka is away: they are dropped and counted, and hold up nothing."""

import asyncio
import time
from collections.abc import Callable

from prometheus_client import CollectorRegistry, generate_latest

from pipeline.core.settings.kafka import KafkaSettings
from pipeline.events.delivery import Arrival, Delivery
from pipeline.events.event import parse
from streams import receipt_writer
from streams.receipt_writer import ReceiptWriter
from streams.store import Stored
from tests.support.waiting import until

BODY = b'{"specversion": "1.0", "id": "1", "source": "urn:test", "type": "t"}'


def delivery(reply_to: str | None, origin: str = "1") -> Delivery:
    arrival = Arrival(
        body=BODY, via="sqs", origin={"message_id": origin}, first_seen="2026-11-23T15:00:00Z", reply_to=reply_to
    )
    return Delivery(parse(BODY), arrival)


def dropped(registry: CollectorRegistry) -> float:
    lines = generate_latest(registry).decode().splitlines()
    return next(float(line.split()[1]) for line in lines if 'outcome="dropped"' in line)


async def test_what_does_not_ask_starts_nothing(unused_tcp_port: int) -> None:
    settings = KafkaSettings(bootstrap_servers=f"127.0.0.1:{unused_tcp_port}")
    writer = ReceiptWriter(settings, "dynamodb", CollectorRegistry())
    writer.stored(Stored(new=[delivery(None), delivery(""), delivery("x" * 65)]))
    assert len(asyncio.all_tasks()) == 1
    await writer.close()


async def test_without_kafka_reports_are_dropped_and_nothing_waits(unused_tcp_port_factory: Callable[[], int]) -> None:
    registry = CollectorRegistry()
    settings = KafkaSettings(bootstrap_servers=f"127.0.0.1:{unused_tcp_port_factory()}")
    writer = ReceiptWriter(settings, "dynamodb", registry)
    count = receipt_writer._MOST_WAITING + 500
    begun = time.monotonic()
    for _ in range(count):
        writer.stored(Stored(new=[delivery("a")]))
    assert time.monotonic() - begun < 5

    async def are_dropped() -> bool:
        return dropped(registry) == count

    await until(are_dropped, within_s=20)
    begun = time.monotonic()
    await writer.close()
    assert time.monotonic() - begun < 3


async def test_without_settings_nothing_is_reported() -> None:
    writer = ReceiptWriter(None, "postgres", CollectorRegistry())
    writer.stored(Stored(new=[delivery("a")]))
    assert len(asyncio.all_tasks()) == 1
    await writer.close()


async def test_an_event_twice_in_one_call_is_reported_as_it_was_written() -> None:
    writer = ReceiptWriter(KafkaSettings(), "dynamodb", CollectorRegistry())
    asking = [delivery("a", "2"), delivery("b", "3")]
    stored = Stored(new=[delivery(None, "1"), *asking], stored_at="2026-11-23T15:00:01Z")
    asks = [receipt_writer._Asking(each.arrival.reply_to or "", each) for each in asking]
    batch = receipt_writer._Batch(time.monotonic(), asks, receipt_writer._written(stored))
    reports = await writer._reports(batch)
    assert [(each.reply_to, each.origin) for each in reports] == [
        ("a", {"message_id": "1"}),
        ("b", {"message_id": "1"}),
    ]
