"""Kafka with TLS, users and rights, on a real broker."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio
from aiokafka import TopicPartition
from aiokafka.errors import KafkaConnectionError, TopicAuthorizationFailedError

from infra import acls, topics
from pipeline.clients import kafka, kafka_access
from pipeline.core.errors import AccessRefused
from pipeline.core.settings.kafka import KafkaSettings
from stack.http_client import http_client
from tests.support.gateway_process import answers, gateway
from tests.support.secured_kafka import SecuredKafka, secured_kafka
from tests.support.waiting import until
from tests.support.worker_process import Worker, worker

EVENTS, DEAD_LETTERS, PENDING, RECEIPTS = "events", "events-dead-letters", "events-pending", "events-receipts"
JOURNEYS = "events-journeys"


pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def broker(
    tmp_path_factory: pytest.TempPathFactory, unused_tcp_port_factory: Callable[[], int]
) -> AsyncIterator[SecuredKafka]:
    """A broker with the topics, and the rights that `infra.acls` gives."""
    folder = tmp_path_factory.mktemp("kafka")
    async with secured_kafka(folder, unused_tcp_port_factory(), unused_tcp_port_factory()) as one:
        admin = one.settings("admin")
        await until(lambda: is_usable(admin), within_s=30)
        await topics.make(admin)
        await acls.grant(admin)
        await acls.grant(admin)  # as safe a second time
        await until(lambda: is_usable(one.settings("service-c"), group="service-c"), within_s=30)
        yield one


async def is_usable(settings: KafkaSettings, group: str | None = None) -> bool:
    try:
        await kafka_access.require(settings, topics=(), group=group)
    except (AccessRefused, KafkaConnectionError):  # its users are read a moment after it listens
        return False
    return True


async def refusal(settings: KafkaSettings, *wanted: str, group: str | None = None) -> str:
    with pytest.raises(AccessRefused) as refused:
        await kafka_access.require(settings, topics=wanted, group=group)
    return str(refused.value)


async def test_each_user_has_what_it_needs_and_no_more(broker: SecuredKafka) -> None:
    settings = broker.settings
    await kafka_access.require(settings("gateway"), topics=[EVENTS])
    await kafka_access.require(settings("service-c"), topics=[EVENTS, DEAD_LETTERS], group="service-c")
    await kafka_access.require(settings("operator"), topics=[EVENTS, DEAD_LETTERS], group="service-c")

    assert "gives gateway no right to the topic events-dead-letters" in await refusal(settings("gateway"), DEAD_LETTERS)
    assert "gives gateway no right to the group" in await refusal(settings("gateway"), group="service-c")
    assert "gives stranger no right to the topic events" in await refusal(settings("stranger"), EVENTS)
    with pytest.raises(AccessRefused, match="no right"):
        await acls.grant(settings("gateway"))

    await kafka_access.require(settings("service-c"), topics=[PENDING], group="service-c-healer")
    assert "gives gateway no right to the group" in await refusal(settings("gateway"), group="service-c-healer")

    await write(settings("gateway"))
    await write(settings("gateway"), PENDING)
    await write(settings("service-c"))  # what was pending for Kafka
    with pytest.raises(TopicAuthorizationFailedError):
        await write(settings("service-c"), PENDING)
    assert await read(settings("admin")) == b"hello"
    with pytest.raises(TopicAuthorizationFailedError):
        await read(settings("gateway"))

    wrong = settings("gateway", "wrong")
    told = await refusal(wrong, EVENTS)
    assert "gives gateway no access" in told
    assert "wrong" not in told
    with pytest.raises(AccessRefused, match="certificate verify failed"):
        await kafka_access.require(replace(settings("gateway"), ca_file=""), topics=[EVENTS])


async def test_services_report_receipts_and_the_gateway_reads_them(broker: SecuredKafka) -> None:
    settings = broker.settings
    for service in ("service-b", "service-c"):
        await write(settings(service), RECEIPTS)
    assert await read(settings("gateway"), RECEIPTS) == b"hello"
    with pytest.raises(TopicAuthorizationFailedError):
        await write(settings("service-b"), EVENTS)
    with pytest.raises(TopicAuthorizationFailedError):
        await read(settings("service-b"), RECEIPTS)
    with pytest.raises(TopicAuthorizationFailedError):
        await write(settings("gateway"), RECEIPTS)


async def test_the_gateway_names_what_it_follows_and_services_read_that(broker: SecuredKafka) -> None:
    settings = broker.settings
    await write(settings("gateway"), JOURNEYS)
    for service in ("service-b", "service-c"):
        assert await read(settings(service), JOURNEYS) == b"hello"
        with pytest.raises(TopicAuthorizationFailedError):
            await write(settings(service), JOURNEYS)
    with pytest.raises(TopicAuthorizationFailedError):
        await read(settings("gateway"), JOURNEYS)


async def write(settings: KafkaSettings, topic: str = EVENTS) -> None:
    producer = kafka.producer(settings, timeout_s=5)
    await producer.start()
    try:
        await producer.send_and_wait(topic, b"hello", partition=0)
    finally:
        await producer.stop()


async def read(settings: KafkaSettings, topic: str = EVENTS) -> bytes | None:
    consumer = kafka.consumer(settings)
    await consumer.start()
    try:
        consumer.assign([TopicPartition(topic, 0)])
        async with asyncio.timeout(20):
            record = await consumer.getone()
        return bytes(record.value or b"")
    finally:
        await consumer.stop()


async def test_an_event_goes_through_gateway_and_service_c(
    broker: SecuredKafka, aws: dict[str, str], tmp_path: Path, unused_tcp_port: int
) -> None:
    address = f"http://127.0.0.1:{unused_tcp_port}"
    async with (
        gateway(aws, unused_tcp_port, **broker.variables("gateway")),
        worker("service_c", tmp_path, aws, **broker.variables("service-c")) as service_c,
        http_client(base_url=address, timeout=10) as client,
    ):
        await until(lambda: answers(client, "/readyz", 200), within_s=30)
        answer = await client.post("/events", json={"type": "secured", "data": 1})
        assert answer.status_code == 202, answer.text
        await until(lambda: has_stored(service_c), within_s=60)


async def has_stored(service_c: Worker) -> bool:
    return await service_c.metric('events_stored_total{outcome="stored",store="dynamodb",via="kafka"}') == 1


async def test_a_wrong_password_ends_the_gateway_with_a_clear_message(
    broker: SecuredKafka, aws: dict[str, str], unused_tcp_port: int, tmp_path: Path
) -> None:
    log = tmp_path / "gateway.log"
    async with gateway(aws, unused_tcp_port, log=str(log), **broker.variables("gateway", "not it")) as process:
        assert await asyncio.wait_for(process.wait(), 30) == 1
    told = log.read_text()
    assert "gives gateway no access" in told
    assert "Traceback" not in told
    assert "not it" not in told


async def test_a_wrong_password_ends_service_c_with_a_clear_message(
    broker: SecuredKafka, aws: dict[str, str], tmp_path: Path
) -> None:
    async with worker("service_c", tmp_path, aws, **broker.variables("service-c", "not it")) as service_c:
        assert await asyncio.wait_for(service_c.process.wait(), 30) != 0
    told = service_c.log.read_text()
    assert "gives service-c no access" in told
    assert "not it" not in told
