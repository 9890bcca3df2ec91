"""The one place that makes Kafka producers."""

from aiokafka import AIOKafkaProducer

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
        max_request_size=1024 * 1024,
        request_timeout_ms=int(timeout_s * 1000),
    )
