"""What waits, read from outside of the consumers."""

import asyncio
import uuid
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from operations import dead_letter_topic
from operations.backlog import BacklogReader
from operations.connections import Connections
from operations.dead_letter_topic import DeadLetterTopicReader
from operations.topic_lag import TopicLag
from pipeline.clients import kafka
from pipeline.clients.aws import client
from pipeline.core.errors import QueueUnavailable
from pipeline.core.settings.kafka import KafkaSettings
from pipeline.core.settings.tools import QueueSettings
from tests.support.proxies.wire import KafkaProxy


@pytest.fixture
async def topic(aws: dict[str, str]) -> str:
    """A topic of two partitions with three records in the first and one in the second."""
    settings = KafkaSettings(bootstrap_servers=aws["kafka"])
    name = f"test-{uuid.uuid4()}"
    admin, producer = kafka.admin(settings), kafka.producer(settings, timeout_s=10)
    await admin.start()
    await admin.create_topics([NewTopic(name, 2, 1)])
    await producer.start()
    for partition in (0, 0, 0, 1):
        await producer.send_and_wait(name, b"{}", partition=partition)
    await producer.stop()
    await admin.close()
    return name


async def commit(servers: str, group: str, topic: str, offset: int) -> None:
    consumer = AIOKafkaConsumer(bootstrap_servers=servers, group_id=group, enable_auto_commit=False)
    await consumer.start()
    consumer.assign([TopicPartition(topic, 0)])
    await consumer.commit({TopicPartition(topic, 0): offset})
    await consumer.stop()


async def test_lag_is_what_a_group_without_members_has_not_committed(aws: dict[str, str], topic: str) -> None:
    group = f"test-{uuid.uuid4()}"
    lag = TopicLag(KafkaSettings(bootstrap_servers=aws["kafka"], topic=topic), group)
    assert await lag.read() == {0: 3, 1: 1}
    await commit(aws["kafka"], group, topic, 2)
    assert await lag.read() == {0: 1, 1: 1}
    await lag.close()


async def test_lag_is_not_all_there_is_where_the_coordinator_still_loads(
    aws: dict[str, str], topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kafka answers with an error and no partition then, and aiokafka with no offset."""
    group = f"test-{uuid.uuid4()}"
    await commit(aws["kafka"], group, topic, 2)
    loaded, answers = AIOKafkaAdminClient.list_consumer_group_offsets, []

    async def loading(*asked: Any, **of: Any) -> Any:
        answers.append(await loaded(*asked, **of))
        return answers[-1] if len(answers) > 1 else {}

    monkeypatch.setattr(AIOKafkaAdminClient, "list_consumer_group_offsets", loading)
    lag = TopicLag(KafkaSettings(bootstrap_servers=aws["kafka"], topic=topic), group)
    assert await lag.read() == {0: 1, 1: 1}
    assert len(answers) == 2
    await lag.close()


async def test_lag_heals_with_kafka(aws: dict[str, str], topic: str) -> None:
    async with KafkaProxy(aws["kafka"]).serving() as proxy:
        settings = KafkaSettings(bootstrap_servers=f"127.0.0.1:{proxy.port}", topic=topic)
        lag = TopicLag(settings, f"test-{uuid.uuid4()}")
        assert await lag.read() == {0: 3, 1: 1}
        proxy.break_as("reset")
        with pytest.raises(QueueUnavailable, match="kafka"):
            await lag.read()
        proxy.break_as(None)
        assert await lag.read() == {0: 3, 1: 1}
        await lag.close()


async def test_the_backlog_has_every_queue_and_says_what_could_not_be_read(aws: dict[str, str]) -> None:
    settings = QueueSettings(
        queue_b_url=aws["queue_b"],
        queue_c_url=aws["queue_c"],
        dead_letter_b_url=aws["dead_letter_b"],
        dead_letter_c_url=f"{aws['dead_letter_c']}-none",
        kafka=KafkaSettings(bootstrap_servers=aws["kafka"]),
    )
    async with client("sqs") as sqs, BacklogReader.open(Connections(settings)) as reader:
        sent = await sqs.send_message(QueueUrl=aws["dead_letter_b"], MessageBody="not a letter")
        backlog = await reader.read()
        assert sent["MessageId"]
    found = {(queue.place, queue.dead): queue for queue in backlog.queues}
    assert sorted(found) == [("b", False), ("b", True), ("c", False)]
    assert found["b", True].depth.waiting >= 1
    assert found["b", True].name == "events-b-dead-letters"
    assert sorted(backlog.lag) == [0, 1, 2, 3]
    assert list(backlog.unavailable) == ["events-c-dead-letters-none"]


@pytest.mark.parametrize("fault", ["reset", "stall"])
async def test_a_reading_of_the_dead_letter_topic_ends_where_kafka_goes_away(
    aws: dict[str, str], monkeypatch: pytest.MonkeyPatch, fault: Any
) -> None:
    monkeypatch.setattr(dead_letter_topic, "_STILL_S", 3)
    async with KafkaProxy(aws["kafka"]).serving() as proxy:
        topic = f"test-{uuid.uuid4()}"
        settings = KafkaSettings(bootstrap_servers=f"127.0.0.1:{proxy.port}", dead_letter_topic=topic)
        admin = kafka.admin(KafkaSettings(bootstrap_servers=aws["kafka"]))
        await admin.start()
        await admin.create_topics([NewTopic(topic, 1, 1)])
        await admin.close()
        async with AIOKafkaProducer(bootstrap_servers=aws["kafka"]) as producer:
            for _ in range(40):  # more than one fetch brings
                await producer.send_and_wait(topic, b"\0" * 200_000, partition=0)
        found = 0

        async def read() -> None:
            nonlocal found
            async with asyncio.timeout(40), DeadLetterTopicReader(settings).open() as reading:
                async for _ in reading.letters():
                    found += 1
                    proxy.break_as(fault)

        with pytest.raises(QueueUnavailable, match="kafka"):
            await read()
        assert 0 < found < 40
        proxy.break_as(None)


async def test_a_consumer_closes_while_kafka_resets_what_it_fetches(aws: dict[str, str], topic: str) -> None:
    """aiokafka's own stop ends with a CancelledError, which nobody who waits for it has asked for."""
    async with KafkaProxy(aws["kafka"]).serving() as proxy:
        consumer = kafka.consumer(KafkaSettings(bootstrap_servers=f"127.0.0.1:{proxy.port}"))
        await consumer.start()
        partitions = [TopicPartition(topic, 0), TopicPartition(topic, 1)]
        consumer.assign(partitions)
        assert await consumer.getmany(*partitions, timeout_ms=5000)
        for _ in range(20):
            proxy.break_as("reset")
            assert await consumer.getmany(*partitions, timeout_ms=20) == {}
        await kafka.stop_consumer(consumer)
        assert not consumer._client._conns or not any(each.connected() for each in consumer._client._conns.values())
