"""Services B and C."""

from dataclasses import dataclass, field
from pathlib import Path

from pipeline.core.settings.kafka import KafkaSettings
from pipeline.core.settings.process import LogSettings, TraceSettings
from pipeline.core.settings.shared import QueueBSettings, QueueCSettings, TableSettings
from pipeline.core.variables import setting


@dataclass(frozen=True, kw_only=True)
class WorkerSettings:
    """What the Faust apps of services B and C share."""

    data_dir: Path = setting(
        "WORKER_DATA_DIR", "Folder of Faust's own files, one below it a service.", default=Path(".local/faust")
    )
    web_host: str = setting("WORKER_WEB_HOST", "Address of Faust's web page.", default="127.0.0.1")
    instance: str = setting(
        "WORKER_INSTANCE",
        "Name of this worker, its own and kept over restarts: with it a killed worker of C is back at once.",
        default="",
    )
    batch_events: int = setting(
        "WORKER_BATCH_EVENTS", "Most events that are stored at once.", default=500, least=1, most=10000
    )
    batch_wait_s: float = setting(
        "WORKER_BATCH_WAIT_S",
        "Longest wait for a batch to fill under load; events that come seldom do not wait.",
        default=0.05,
        least=0,
        most=10,
    )
    store_timeout_s: float = setting(
        "WORKER_STORE_TIMEOUT_S", "Longest time that one call to a store may take.", default=20.0, least=0.1, most=600
    )
    visibility_timeout_s: int = setting(
        "WORKER_VISIBILITY_TIMEOUT_S",
        "How long SQS hides a message that was received.",
        default=30,
        least=2,
        most=43200,
    )
    receivers: int = setting(
        "WORKER_RECEIVERS",
        "Most SQS receive calls under way at once: one when idle, more under load.",
        default=4,
        least=1,
        most=100,
    )
    poll_s: int = setting(
        "WORKER_POLL_S",
        "How long a receive call waits for a message, at most 20: it delays a stop.",
        default=3,
        least=1,
        most=20,
    )
    in_flight_events: int = setting(
        "WORKER_IN_FLIGHT_EVENTS",
        "Most messages of the queue that are received and not yet deleted.",
        default=1000,
        least=1,
        most=120000,
    )
    in_flight_bytes: int = setting(
        "WORKER_IN_FLIGHT_BYTES",
        "Most bytes of them; and as many of records that are read from the topic and not yet stored.",
        default=32 * 1024**2,
        least=1048576,
    )
    stuck_after_s: float = setting(
        "WORKER_STUCK_AFTER_S",
        "How long nothing may move, with work there and nothing away, before the process ends itself.",
        default=60.0,
        least=1,
        most=86_400,
    )
    trace: TraceSettings = field(default_factory=TraceSettings)
    log: LogSettings = field(default_factory=LogSettings)


@dataclass(frozen=True, kw_only=True)
class ReceiptSettings:
    """Service B: where it reports what it has stored to senders that wait. Without brokers it reports nothing."""

    bootstrap_servers: str = setting("KAFKA_BOOTSTRAP_SERVERS", "Brokers as `host:port`, with commas between.")
    kafka: KafkaSettings = field(default_factory=KafkaSettings)


@dataclass(frozen=True, kw_only=True)
class ServiceBSettings(QueueBSettings):
    """Service B: queue b to PostgreSQL."""

    postgres_url: str = setting("POSTGRES_URL", "libpq URL of the database, with its password.", secret=True)
    postgres_connections: int = setting(
        "POSTGRES_CONNECTIONS", "Most connections of one process.", default=4, least=1, most=1000
    )
    receipts: ReceiptSettings | None = None
    worker: WorkerSettings = field(default_factory=WorkerSettings)


@dataclass(frozen=True, kw_only=True)
class HealerSettings:
    """Service C: what publishes pending events to the broker that was out. A worker without these heals nothing."""

    pending_queue_url: str = setting("PENDING_QUEUE_URL", "SQS queue of the events that Kafka is still to get.")
    topic_arn: str = setting("TOPIC_ARN", "SNS topic of the events, for those that SNS is still to get.")
    events_per_s: float = setting(
        "HEAL_EVENTS_PER_S",
        "Most pending events a second that each worker publishes to a broker that is back.",
        default=200.0,
        least=1,
        most=10_000,
    )


@dataclass(frozen=True, kw_only=True)
class ServiceCSettings(TableSettings, QueueCSettings):
    """Service C: queue c and the Kafka topic to DynamoDB."""

    retention_days: int = setting(
        "DYNAMODB_RETENTION_DAYS",
        "Days after which DynamoDB may end an item; 0 keeps all for good.",
        default=0,
        least=0,
        most=36500,
    )
    write_calls: int = setting(
        "DYNAMODB_WRITE_CALLS", "BatchWriteItem calls under way at once.", default=8, least=1, most=100
    )
    healer: HealerSettings | None = None
    kafka: KafkaSettings = field(default_factory=KafkaSettings)
    worker: WorkerSettings = field(default_factory=WorkerSettings)
