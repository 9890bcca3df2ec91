"""How much waits in Kafka: what a consumer group has not committed yet."""

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from pipeline import kafka
from pipeline.errors import QueueUnavailable
from pipeline.settings import KafkaSettings


async def lag(settings: KafkaSettings, group: str) -> dict[int, int]:
    """The records of each partition of the event topic that `group` has not committed.

    Where it never committed anything, all that are there. Raises QueueUnavailable.
    """
    admin, consumer = kafka.admin(settings), kafka.consumer(settings)
    try:
        await admin.start()
        await consumer.start()
        committed = await admin.list_consumer_group_offsets(group)
        topic = await admin.describe_topics([settings.topic])
        partitions = [TopicPartition(settings.topic, each["partition"]) for each in topic[0]["partitions"]]
        begins, ends = await consumer.beginning_offsets(partitions), await consumer.end_offsets(partitions)
    except KafkaError as error:
        raise QueueUnavailable(f"kafka: {error!r}") from error
    finally:
        await consumer.stop()
        await admin.close()
    return {
        partition.partition: ends[partition] - max(begins[partition], _offset(committed.get(partition)))
        for partition in partitions
    }


def _offset(committed: object) -> int:
    return getattr(committed, "offset", 0)
