"""The one place that makes Kafka clients."""

import asyncio
import ssl
import zlib
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import (
    KafkaConnectionError,
    KafkaError,
    MessageSizeTooLargeError,
    ProducerClosed,
    RecordListTooLargeError,
)

from pipeline.clients import kafka_connections, kafka_records
from pipeline.core.errors import QueueUnavailable, SettingsError
from pipeline.core.settings.kafka import KafkaSettings

CONTENT_TYPE = ("content-type", b"application/cloudevents+json; charset=UTF-8")
"""Structured mode of the CloudEvents Kafka binding, section 3.3."""

SCRAM = "SCRAM-SHA-512"
"""How a user proves its password: MSK offers no other mechanism for one."""

REFUSALS = (MessageSizeTooLargeError, RecordListTooLargeError)
"""What Kafka answers to a record that it never takes; every other error may end."""
_STOP_TIMEOUT_S = 1.0
_log = structlog.get_logger(__name__)


def producer(settings: KafkaSettings, *, timeout_s: float, is_idempotent: bool = True) -> AIOKafkaProducer:
    """A producer that waits for all replicas; `start` it in the loop that uses it.

    An idempotent one sends no more to a partition that has refused it a batch: its numbers have a gap.
    It has no linger, which would hold up one event alone: what comes while a request is under way goes together.
    """
    return AIOKafkaProducer(
        **connection(settings),
        acks="all",
        enable_idempotence=is_idempotent,
        max_batch_size=256 * 1024,
        max_request_size=2 * 1024**2,  # a dead letter holds the largest record in base64
        request_timeout_ms=int(timeout_s * 1000),
    )


def notifier(settings: KafkaSettings, *, timeout_s: float) -> AIOKafkaProducer:
    """A producer for what is of use at once or never: one replica is enough, and an error spoils nothing behind it."""
    return AIOKafkaProducer(**connection(settings), acks=1, request_timeout_ms=int(timeout_s * 1000))


async def stop(producer: AIOKafkaProducer) -> None:
    """Flush and close: without an end where the broker is away, so with a deadline and then by force."""
    try:
        async with asyncio.timeout(_STOP_TIMEOUT_S):
            await producer.stop()
    except TimeoutError:
        _log.warning("kafka producer closed with events that were never acknowledged")
        await abandon(producer)
    except Exception:  # noqa: BLE001 - another producer takes its place in any case
        _log.exception("kafka producer did not close: its tasks are ended")
        await abandon(producer)


async def abandon(producer: AIOKafkaProducer) -> None:
    """End the producer's tasks and fail its batches.

    Closing its client alone would leave its sender, and what flushes its batches, waiting for
    futures that nobody completes any more.
    """
    producer._message_accumulator.fail_all(ProducerClosed())
    sender = producer._sender.sender_task if producer._sender else None
    if sender:
        sender.cancel()
    await producer.client.close()
    if sender:
        await asyncio.wait([sender], timeout=_STOP_TIMEOUT_S)


def unavailable(error: KafkaError | TimeoutError, servers: str = "") -> QueueUnavailable:
    """What the command and the pages say of Kafka's failure, in one line; `servers` are those that were tried."""
    where = f"kafka at {servers}" if servers else "kafka"
    if isinstance(error, KafkaConnectionError):
        return QueueUnavailable(f"{where}: cannot connect")
    return QueueUnavailable(f"{where}: {'no answer in time' if isinstance(error, TimeoutError) else error}")


def consumer(settings: KafkaSettings, *, fetch_wait_ms: int = 500) -> AIOKafkaConsumer:
    """A consumer of no group and no topic that reads what is committed; `start` it, then assign partitions to it.

    A broker that has nothing to read holds a fetch back for `fetch_wait_ms`.
    """
    kafka_records.read_all_records()
    return AIOKafkaConsumer(
        **connection(settings),
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        isolation_level="read_committed",
        fetch_max_wait_ms=fetch_wait_ms,
    )


async def stop_consumer(consumer: AIOKafkaConsumer) -> None:
    """Close it, by force where its own stop doesn't end well.

    aiokafka 0.14 ends its stop with a CancelledError, and leaves its client open, where a fetch waits to be tried
    again: Kafka has reset the connection. Here that error is raised only where the caller is cancelled.
    """
    stopping = asyncio.create_task(consumer.stop())
    try:
        await asyncio.wait([stopping], timeout=_STOP_TIMEOUT_S)
    finally:
        stopping.cancel()
    if stopping.done() and not stopping.cancelled() and not stopping.exception():
        return
    _log.info("kafka consumer did not close: its tasks are ended")
    for fetch in tuple(consumer._fetcher._pending_tasks) if consumer._fetcher else ():
        fetch.cancel()
    await consumer._client.close()


def admin(settings: KafkaSettings) -> AIOKafkaAdminClient:
    """A client for groups, offsets and records; `start` it, and `close` it."""
    return AIOKafkaAdminClient(**connection(settings))


@asynccontextmanager
async def client(settings: KafkaSettings, *, timeout_ms: int) -> AsyncGenerator[AIOKafkaClient, None]:
    """A client of the protocol itself, which knows the brokers. Raises KafkaConnectionError where none answers."""
    made = AIOKafkaClient(**connection(settings), request_timeout_ms=timeout_ms)
    try:
        await made.bootstrap()
        yield made
    finally:
        await made.close()


def connection(settings: KafkaSettings) -> dict[str, Any]:
    """What every client is told: where the brokers are, and who it is to them. Raises SettingsError.

    Who asks connects by `kafka_connections` from now on, as the whole process does.
    """
    kafka_connections.use_broker_connections()
    told: dict[str, Any] = {"bootstrap_servers": settings.bootstrap_servers}
    if settings.security_protocol == "PLAINTEXT":
        return told
    told |= {"security_protocol": settings.security_protocol, "ssl_context": tls(settings)}
    if settings.security_protocol == "SASL_SSL":
        told |= _proof(settings)
    return told


def _proof(settings: KafkaSettings) -> dict[str, Any]:
    if settings.mechanism == "AWS_MSK_IAM":
        from pipeline.clients.kafka_iam import RoleToken  # here, as it takes boto3, and no service comes this way

        return {"sasl_mechanism": "OAUTHBEARER", "sasl_oauth_token_provider": RoleToken()}
    if not (settings.username and settings.password):
        raise SettingsError("SASL_SSL needs MENSAGERIA_KAFKA_USERNAME and MENSAGERIA_KAFKA_PASSWORD")
    return {
        "sasl_mechanism": SCRAM,
        "sasl_plain_username": settings.username,
        "sasl_plain_password": settings.password,
    }


def tls(settings: KafkaSettings) -> ssl.SSLContext:
    """How brokers prove who they are: by a certificate of `ca_file`, or of the machine's own. Raises SettingsError."""
    try:
        return ssl.create_default_context(cafile=settings.ca_file or None)
    except (OSError, ssl.SSLError) as error:
        raise SettingsError(f"MENSAGERIA_KAFKA_CA_FILE is {settings.ca_file!r}: {error}") from error


def partition_of(key: bytes, partitions: int) -> int:
    """The partition of `key`, as librdkafka's `consistent` partitioner chooses it.

    aiokafka's own murmur2 is pure Python and costs 6 µs a key.
    """
    return zlib.crc32(key) % partitions
