"""What a Kafka topic holds."""

from aiokafka import AIOKafkaConsumer, TopicPartition


async def records(bootstrap_servers: str, topic: str) -> int:
    """The sum of the end offsets of the topic's partitions: each record that was ever written to it."""
    async with AIOKafkaConsumer(topic, bootstrap_servers=bootstrap_servers) as consumer:
        partitions = [TopicPartition(topic, number) for number in consumer.partitions_for_topic(topic)]
        return sum((await consumer.end_offsets(partitions)).values())
