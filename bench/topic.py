"""What a Kafka topic holds."""

from aiokafka import AIOKafkaConsumer, TopicPartition

from pipeline.settings import KafkaSettings


async def events(bootstrap_servers: str, settings: KafkaSettings) -> int:
    """The sum of the end offsets of the topic's partitions: each event that was ever written to it."""
    async with AIOKafkaConsumer(bootstrap_servers=bootstrap_servers) as consumer:
        partitions = [TopicPartition(settings.topic, number) for number in range(settings.partitions)]
        return sum((await consumer.end_offsets(partitions)).values())
