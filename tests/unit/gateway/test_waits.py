"""Waits and the reports to them, in any order and number; Kafka is away, so that the test alone reports."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable

import pytest

from gateway import publication
from gateway.addresses import Addresses
from gateway.inbound import ClientGone
from gateway.publication import Publication
from gateway.waits import MAX_EVENTS, Wait, Waits
from pipeline.core.settings.kafka import KafkaSettings
from pipeline.core.ways import Store, Via
from pipeline.events.event import parse
from pipeline.events.receipts import Report
from pipeline.telemetry.metrics import GatewayMetrics

RECEIVED_AT, STORED_AT = "2026-11-23T15:24:00.123456Z", "2026-11-23T15:24:01.000000Z"
TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
WAYS: tuple[tuple[Store, Via], ...] = (("postgres", "sqs"), ("dynamodb", "sqs"), ("dynamodb", "kafka"))


def make(id_: str) -> Publication:
    event = parse(b'{"specversion": "1.0", "id": "%b", "source": "s", "type": "t"}' % id_.encode())
    return publication.of(event, RECEIVED_AT, TRACEPARENT)


def report(wait: Wait, id_: str, store: Store, via: Via, dead_letter: str | None = None) -> Report:
    return Report(wait.address, "s", id_, store, via, RECEIVED_AT, STORED_AT, {"queue": "q"}, dead_letter)


async def forever() -> None:
    await asyncio.Event().wait()


@pytest.fixture
async def addresses(unused_tcp_port_factory: Callable[[], int]) -> AsyncIterator[Addresses]:
    away = KafkaSettings(bootstrap_servers=f"127.0.0.1:{unused_tcp_port_factory()}")
    one = Addresses(away)
    yield one
    await one.close()


@pytest.fixture
def waits(addresses: Addresses) -> Waits:
    return Waits(addresses, GatewayMetrics())


@pytest.mark.parametrize("order", list(itertools.permutations(WAYS)))
async def test_a_wait_ends_with_the_last_way_in_whatever_order_they_report(
    waits: Waits, addresses: Addresses, order: tuple[tuple[Store, Via], ...]
) -> None:
    async with waits.begin([make("1")], 30) as wait:
        assert wait
        for store, via in order[:2] * 3:
            addresses.take(report(wait, "1", store, via))
        assert not wait.is_complete
        addresses.take(report(wait, "1", *order[2]))
        await asyncio.wait_for(wait.until_ended(forever), 5)
        stored = {"stored_at": STORED_AT, "origin": {"queue": "q"}}
        assert wait.is_complete
        assert wait.of(("s", "1"))["receipt"] == {
            "received_at": RECEIVED_AT,
            "postgres": {**stored, "via": "sqs"},
            "dynamodb": {via: {**stored, "via": via} for via in ("sqs", "kafka")},
        }


async def test_reports_for_others_and_late_ones_change_nothing(waits: Waits, addresses: Addresses) -> None:
    async with waits.begin([make("1")], 30) as first, waits.begin([make("1")], 30) as second:
        assert first
        assert second
        for store, via in WAYS:
            addresses.take(report(first, "1", store, via))
            addresses.take(report(second, "2", store, via))
            addresses.take(Report("nobody", "s", "1", store, via))
        assert (first.is_complete, second.is_complete) == (True, False)
    addresses.take(report(second, "1", "postgres", "sqs"))


async def test_one_dead_letter_ends_the_wait_of_a_batch(waits: Waits, addresses: Addresses) -> None:
    async with waits.begin([make("1"), make("2")], 30) as wait:
        assert wait
        for _ in range(3):
            addresses.take(report(wait, "2", "postgres", "sqs", "conflict"))
        await asyncio.wait_for(wait.until_ended(forever), 5)
        assert "dead_letters" not in wait.of(("s", "1"))
        assert wait.of(("s", "2"))["dead_letters"] == [{"store": "postgres", "via": "sqs", "reason": "conflict"}]


async def test_a_client_that_goes_away_ends_its_wait(waits: Waits) -> None:
    async def gone() -> None:
        return

    async with waits.begin([make("1")], 30) as wait:
        assert wait
        with pytest.raises(ClientGone):
            await asyncio.wait_for(wait.until_ended(gone), 5)


async def test_what_is_waited_for_is_bounded_and_given_back(waits: Waits) -> None:
    events = [make(str(number)) for number in range(MAX_EVENTS)]
    for _ in range(2):
        async with waits.begin(events, 30) as most, waits.begin([make("one")], 30) as one:
            assert most
            assert one is None
        async with waits.begin([make("one")], 30) as one:
            assert one


async def test_a_stop_ends_what_waits_and_lets_nothing_begin(waits: Waits, addresses: Addresses) -> None:
    async with waits.begin([make("1")], 30) as first:
        assert first
        addresses.stop()
        await asyncio.wait_for(first.until_ended(forever), 5)
    async with waits.begin([make("1")], 30) as second:
        assert second
        await asyncio.wait_for(second.until_ended(forever), 5)
