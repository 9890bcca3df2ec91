"""The Kafka cluster."""

from dataclasses import dataclass
from typing import Literal

from pipeline.core.variables import setting


@dataclass(frozen=True, kw_only=True)
class KafkaSettings:
    """The Kafka cluster and its topics."""

    bootstrap_servers: str = setting(
        "KAFKA_BOOTSTRAP_SERVERS", "Brokers as `host:port`, with commas between.", default="127.0.0.1:9092"
    )
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_SSL"] = setting(
        "KAFKA_SECURITY_PROTOCOL",
        "`SSL` encrypts and authenticates the brokers, `SASL_SSL` also this process (SCRAM-SHA-512).",
        default="PLAINTEXT",
    )
    username: str = setting("KAFKA_USERNAME", "User, with `SASL_SSL`.", default="")
    password: str = setting("KAFKA_PASSWORD", "The user's password.", default="", secret=True)
    mechanism: Literal["SCRAM-SHA-512", "AWS_MSK_IAM"] = setting(
        "KAFKA_MECHANISM",
        "How this process proves who it is, with `SASL_SSL`: by a user's password, or on Amazon MSK by its IAM role.",
        default="SCRAM-SHA-512",
    )
    ca_file: str = setting(
        "KAFKA_CA_FILE",
        "Certificates (PEM) of the CA of the brokers' certificates; without it, the system's.",
        default="",
    )
    topic: str = setting("KAFKA_TOPIC", "Topic of the events.", default="events")
    dead_letter_topic: str = setting(
        "KAFKA_DEAD_LETTER_TOPIC", "Topic of the dead letters.", default="events-dead-letters"
    )
    pending_topic: str = setting(
        "KAFKA_PENDING_TOPIC", "Topic of the events that SNS is still to get: SNS was out.", default="events-pending"
    )
    receipts_topic: str = setting(
        "KAFKA_RECEIPTS_TOPIC",
        "Topic on which B and C report what they have stored to gateways whose senders wait (`Prefer: wait`).",
        default="events-receipts",
    )
    journeys_topic: str = setting(
        "KAFKA_JOURNEYS_TOPIC",
        "Topic on which gateways name the events whose journeys they follow, for B and C to report.",
        default="events-journeys",
    )
    partitions: int = setting(
        "KAFKA_PARTITIONS", "Partitions of the event topic when it is made.", default=4, least=1, most=10000
    )
    replication_factor: int = setting(
        "KAFKA_REPLICATION_FACTOR", "Copies of each partition.", default=1, least=1, most=100
    )
