"""The one place that makes Kafka clients."""

import zlib

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient

from pipeline.settings import KafkaSettings

CONTENT_TYPE = ("content-type", b"application/cloudevents+json; charset=UTF-8")
"""Structured mode of the CloudEvents Kafka binding, section 3.3."""


def producer(settings: KafkaSettings, *, timeout_s: float) -> AIOKafkaProducer:
    """An idempotent producer that waits for all replicas; `start` it in the loop that uses it."""
    return AIOKafkaProducer(
        bootstrap_servers=settings.bootstrap_servers,
        acks="all",
        enable_idempotence=True,
        linger_ms=2,
        max_batch_size=256 * 1024,
        max_request_size=2 * 1024**2,  # a dead letter holds the largest record in base64
        request_timeout_ms=int(timeout_s * 1000),
    )


def consumer(settings: KafkaSettings) -> AIOKafkaConsumer:
    """A consumer of no group and no topic; `start` it, then assign partitions to it."""
    return AIOKafkaConsumer(
        bootstrap_servers=settings.bootstrap_servers,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
    )


def admin(settings: KafkaSettings) -> AIOKafkaAdminClient:
    """A client for groups, offsets and records; `start` it, and `close` it."""
    return AIOKafkaAdminClient(bootstrap_servers=settings.bootstrap_servers)


def partition_of(key: bytes, partitions: int) -> int:
    """The partition of `key`, as librdkafka's `consistent` partitioner chooses it.

    aiokafka's own murmur2 is pure Python and costs 6 µs a key.
    """
    return zlib.crc32(key) % partitions
