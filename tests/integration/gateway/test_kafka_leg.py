"""The Kafka leg on a real broker: what goes wrong with its producer ends at once, leaves nothing behind, and heals."""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import ProducerClosed

from gateway import publication
from gateway.errors import LegUnavailable
from gateway.legs import kafka_leg
from gateway.legs.kafka_leg import KafkaLeg
from gateway.publication import Publication
from pipeline.clients import kafka
from pipeline.core.settings.kafka import KafkaSettings
from pipeline.core.settings.process import TraceSettings
from pipeline.events.event import parse
from pipeline.telemetry.metrics import GatewayMetrics
from pipeline.telemetry.tracing import Tracing
from tests.support.proxies.wire import KafkaProxy
from tests.support.waiting import until

PARTITIONS = 4
TIMEOUT_S = 20.0
TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"


def make(id_: int) -> Publication:
    event = {"specversion": "1.0", "id": str(id_), "source": "s", "type": "t"}
    return publication.of(parse(json.dumps(event).encode()), "2026-11-23T15:24:00.123456Z", TRACEPARENT)


def leg_of(settings: KafkaSettings) -> KafkaLeg:
    calls = GatewayMetrics().calls.kafka(settings.topic)
    return KafkaLeg(settings, TIMEOUT_S, Tracing("gateway", TraceSettings()), calls)


async def connected(leg: KafkaLeg) -> bool:
    try:
        await leg.check()
    except LegUnavailable:
        return False
    return True


@pytest.fixture
async def admin(aws: dict[str, str]) -> AsyncIterator[AIOKafkaAdminClient]:
    client = AIOKafkaAdminClient(bootstrap_servers=aws["kafka"])
    await client.start()
    yield client
    await client.close()


@pytest.fixture
async def settings(aws: dict[str, str], admin: AIOKafkaAdminClient) -> KafkaSettings:
    """A topic of the test's own."""
    topic = f"test-{uuid.uuid4()}"
    await admin.create_topics([NewTopic(topic, PARTITIONS, 1)])
    return KafkaSettings(bootstrap_servers=aws["kafka"], topic=topic)


@pytest.fixture
async def leg(settings: KafkaSettings) -> AsyncIterator[KafkaLeg]:
    async with leg_of(settings) as one:
        await until(lambda: connected(one), within_s=20)
        yield one


async def test_a_topic_that_is_gone_fails_an_event_at_once(
    leg: KafkaLeg, admin: AIOKafkaAdminClient, settings: KafkaSettings
) -> None:
    await asyncio.wait_for(leg.publish(make(1)), 5)
    await admin.delete_topics([settings.topic])
    await until(lambda: _is_missing(leg), within_s=20)
    with pytest.raises(LegUnavailable, match="is missing"):
        await asyncio.wait_for(leg.publish(make(2)), 1)


async def _is_missing(leg: KafkaLeg) -> bool:
    return not await connected(leg)


async def test_a_blocked_partition_holds_up_no_other(leg: KafkaLeg, monkeypatch: pytest.MonkeyPatch) -> None:
    """As aiokafka does where the buffer of a partition is full: `send` waits."""
    send, opened = AIOKafkaProducer.send, asyncio.Event()

    async def send_unless_blocked(self: AIOKafkaProducer, *arguments: Any, **named: Any) -> Any:
        if named["partition"] == 0:
            await opened.wait()
        return await send(self, *arguments, **named)

    monkeypatch.setattr(AIOKafkaProducer, "send", send_unless_blocked)
    events = {each: kafka.partition_of(each.key, PARTITIONS) for each in map(make, range(40))}
    sent = {each: leg.publish(each) for each in events}
    others = [sent[each] for each, partition in events.items() if partition]
    assert 0 < len(others) < len(sent)
    await asyncio.wait_for(asyncio.gather(*others), 5)
    assert not any(sent[each].done() for each, partition in events.items() if not partition)
    opened.set()
    await asyncio.wait_for(asyncio.gather(*sent.values()), 5)


async def test_an_unexpected_error_of_the_producer_fails_its_events_at_once(
    leg: KafkaLeg, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def send(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(AIOKafkaProducer, "send", send)
    with pytest.raises(LegUnavailable, match="ZeroDivisionError"):
        await asyncio.wait_for(leg.publish(make(1)), 1)


@pytest.mark.parametrize("is_abandoned", [True, False])
async def test_a_producer_that_fails_to_close_is_replaced_all_the_same(
    leg: KafkaLeg, monkeypatch: pytest.MonkeyPatch, is_abandoned: bool
) -> None:
    stop = AIOKafkaProducer.stop

    async def stop_and_fail(self: AIOKafkaProducer) -> None:
        monkeypatch.setattr(AIOKafkaProducer, "stop", stop)
        await stop(self)
        raise ZeroDivisionError

    async def fail(_: AIOKafkaProducer) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(AIOKafkaProducer, "stop", stop_and_fail)
    if not is_abandoned:
        monkeypatch.setattr(kafka, "abandon", fail)
    monkeypatch.setattr(kafka_leg, "_RESTART_S", 0.01)
    leg._replace(leg._connected.result(), ProducerClosed())
    await until(lambda: connected(leg), within_s=10)
    await asyncio.wait_for(leg.publish(make(1)), 5)


async def test_a_replaced_producer_leaves_no_task_behind(settings: KafkaSettings) -> None:
    host_and_port = settings.bootstrap_servers
    async with KafkaProxy(host_and_port).serving() as proxy:
        before = asyncio.all_tasks()
        through = KafkaSettings(bootstrap_servers=f"127.0.0.1:{proxy.port}", topic=settings.topic)
        async with leg_of(through) as leg:
            await until(lambda: connected(leg), within_s=20)
            await leg.publish(make(0))
            proxy.break_as("stall")
            sent = [leg.publish(make(id_)) for id_ in range(20)]
            await until(lambda: _has_struck(proxy), within_s=5)
            leg._replace(leg._connected.result(), ProducerClosed())
            ended = await asyncio.wait_for(asyncio.gather(*sent, return_exceptions=True), 5)
            assert {type(each) for each in ended} == {LegUnavailable}
            proxy.break_as(None)
            await until(lambda: connected(leg), within_s=20)
            proxy.break_as("reset")
        await until(lambda: _are_gone(before), within_s=5)


async def _has_struck(proxy: KafkaProxy) -> bool:
    return proxy.struck > 0


async def _are_gone(before: set[asyncio.Task[Any]]) -> bool:
    return not asyncio.all_tasks() - before
