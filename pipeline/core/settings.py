"""All settings, and the only place that reads the environment.

A setting is a field of a dataclass (pipeline/core/variables.py); `read` fills the dataclass
from environment variables. `python -m pipeline.core.settings` prints docs/settings.md.

Only the standard library is imported here: the Lambda's archive holds this module.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, is_dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

from pipeline.core import variables
from pipeline.core.variables import setting

_INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "SSL_CERT_FILE")
T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class LogSettings:
    """How every process logs."""

    level: Literal["debug", "info", "warning", "error"] = setting(
        "LOG_LEVEL", "Least severe level that is logged.", default="info"
    )
    format: Literal["auto", "json", "console"] = setting(
        "LOG_FORMAT", "`auto` is `console` on a terminal and `json` elsewhere.", default="auto"
    )


@dataclass(frozen=True, kw_only=True)
class TraceSettings:
    """Where the spans of every process go, by the names that OpenTelemetry gave these settings."""

    endpoint: str = setting(
        "EXPORTER_OTLP_ENDPOINT",
        "Base URL of what takes traces (OTLP over HTTP), such as `http://127.0.0.1:4318`; without it none are made.",
        default="",
        prefix="OTEL_",
    )
    headers: str = setting(
        "EXPORTER_OTLP_HEADERS",
        "What it asks for: `NAME=VALUE`, with commas between.",
        default="",
        secret=True,
        prefix="OTEL_",
    )


@dataclass(frozen=True, kw_only=True)
class KafkaSettings:
    """The Kafka cluster and its topics."""

    bootstrap_servers: str = setting(
        "KAFKA_BOOTSTRAP_SERVERS", "Brokers as `host:port`, with commas between.", default="127.0.0.1:9092"
    )
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_SSL"] = setting(
        "KAFKA_SECURITY_PROTOCOL",
        "`SSL` encrypts and proves who the brokers are, `SASL_SSL` also who this process is (SCRAM-SHA-512).",
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
        "KAFKA_CA_FILE", "Certificates (PEM) of who vouches for the brokers; without it, the machine's.", default=""
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


@dataclass(frozen=True, kw_only=True)
class GatewaySettings:
    """Service A, the gateway."""

    host: str = setting("GATEWAY_HOST", "Address to listen on.", default="127.0.0.1")
    port: int = setting("GATEWAY_PORT", "Port to listen on.", default=8000, least=1, most=65535)
    source: str = setting(
        "GATEWAY_SOURCE", "`source` of an event that came without one.", default="urn:mensageria:gateway"
    )
    topic_arn: str = setting("TOPIC_ARN", "SNS topic of the events.")
    leg_timeout_s: float = setting(
        "GATEWAY_LEG_TIMEOUT_S",
        "Longest wait for a leg's acknowledgement; over it the answer is 503.",
        default=5.0,
        least=0.1,
        most=60,
    )
    degraded: Literal["accept", "refuse"] = setting(
        "GATEWAY_DEGRADED",
        "With one broker out: `accept` events, which the other broker holds for it, or `refuse` them with 503.",
        default="accept",
    )
    stop_timeout_s: int = setting(
        "GATEWAY_STOP_TIMEOUT_S", "Longest wait for requests in flight at SIGTERM.", default=8, least=0, most=3600
    )
    drain_s: float = setting(
        "GATEWAY_DRAIN_S",
        "How long SIGTERM leaves it serving while /readyz says no, for a balancer to notice.",
        default=0.0,
        least=0,
        most=3600,
    )
    keys_file: str = setting(
        "GATEWAY_KEYS_FILE",
        "File of the keys that may publish, read again when it changes; without it, loopback only.",
        default="",
    )
    key_events_per_s: float = setting(
        "GATEWAY_KEY_EVENTS_PER_S",
        "Events a second that each key may publish; 0 is no limit.",
        default=0.0,
        least=0,
        most=1_000_000,
    )
    key_burst_events: float = setting(
        "GATEWAY_KEY_BURST_EVENTS",
        "Events that a key may publish at once beyond its rate.",
        default=1000.0,
        least=1,
        most=1_000_000_000,
    )
    max_events: int = setting(
        "GATEWAY_MAX_EVENTS",
        "Most events in flight; over it the answer is 503 at once.",
        default=1000,
        least=1,
        most=1000000,
    )
    max_bytes: int = setting(
        "GATEWAY_MAX_BYTES",
        "Most bytes of bodies in flight; over it the answer is 503 at once.",
        default=16_777_216,
        least=1048576,
    )
    schemas_dir: str = setting(
        "GATEWAY_SCHEMAS_DIR", "Folder of JSON Schemas for `data`, one a type: `TYPE.json`.", default=""
    )
    unknown_types: Literal["accept", "refuse"] = setting(
        "GATEWAY_UNKNOWN_TYPES", "What to do with an event whose type has no schema.", default="accept"
    )
    trace_ratio: float = setting(
        "TRACE_RATIO",
        "Share of the requests that are traced, 0 to 1; 0.01 suits production.",
        default=1.0,
        least=0,
        most=1,
    )
    traces_per_s: float = setting(
        "TRACES_PER_S", "Most events a second that are traced.", default=100.0, least=0, most=1_000_000
    )
    trace: TraceSettings = field(default_factory=TraceSettings)
    kafka: KafkaSettings = field(default_factory=KafkaSettings)
    log: LogSettings = field(default_factory=LogSettings)


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
        "Longest wait for a batch to fill: latency of every event.",
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
class ServiceBSettings:
    """Service B: queue b to PostgreSQL."""

    queue_url: str = setting("QUEUE_B_URL", "SQS queue of service B.")
    dead_letter_queue_url: str = setting("DEAD_LETTER_B_URL", "Dead-letter queue of service B.")
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
class ServiceCSettings:
    """Service C: queue c and the Kafka topic to DynamoDB."""

    queue_url: str = setting("QUEUE_C_URL", "SQS queue of service C.")
    dead_letter_queue_url: str = setting("DEAD_LETTER_C_URL", "Dead-letter queue of service C.")
    table: str = setting("TABLE", "DynamoDB table of the events.", default="events")
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


@dataclass(frozen=True, kw_only=True)
class AwsSettings:
    """What the query signs its calls of AWS with: the SDKs' own variables, which Lambda sets."""

    region: str = setting("REGION", "The region.", prefix="AWS_")
    access_key: str = setting("ACCESS_KEY_ID", "The role's key id.", prefix="AWS_")
    secret_key: str = setting("SECRET_ACCESS_KEY", "The role's key.", prefix="AWS_", secret=True)
    session_token: str = setting("SESSION_TOKEN", "The role's token.", default="", prefix="AWS_", secret=True)
    endpoint_url: str = setting("ENDPOINT_URL", "Where all AWS services are, if not at AWS.", default="", prefix="AWS_")
    dynamodb_url: str = setting(
        "ENDPOINT_URL_DYNAMODB", "Where DynamoDB is, if elsewhere still.", default="", prefix="AWS_"
    )

    def endpoint(self, service: str) -> str:
        """The base URL of `service`."""
        own = self.dynamodb_url if service == "dynamodb" else ""
        return own or self.endpoint_url or f"https://{service}.{self.region}.amazonaws.com"


@dataclass(frozen=True, kw_only=True)
class SecretSettings:
    """The query Lambda: where it finds secrets that its environment lacks."""

    secret: str = setting(
        "QUERY_SECRET",
        "ARN of a secret in Secrets Manager: a JSON object of variables of the query below, which count before"
        " the environment's.",
        default="",
    )


@dataclass(frozen=True, kw_only=True)
class QuerySettings:
    """The query Lambda."""

    postgres_url: str = setting("QUERY_POSTGRES_URL", "URL of the database for reading.", secret=True)
    table: str = setting("TABLE", "DynamoDB table of the events.", default="events")
    cursor_key: str = setting("CURSOR_KEY", "Key that signs the cursors, at least 32 characters.", secret=True)
    access: Literal["keys", "open"] = setting(
        "QUERY_ACCESS", "Who may ask: who has one of the keys, or anyone who reaches it.", default="keys"
    )
    keys: str = setting(
        "QUERY_KEYS", "The keys' lines as in the gateway's file of keys, with commas between.", default="", secret=True
    )
    store_timeout_s: float = setting(
        "QUERY_STORE_TIMEOUT_S", "Longest wait for the stores, for one request in all.", default=3.0, least=0.1, most=29
    )
    aws: AwsSettings


@dataclass(frozen=True, kw_only=True)
class DatabaseRolesSettings:
    """The command `python -m infra.database_roles`."""

    postgres_url: str = setting("POSTGRES_URL", "libpq URL of the database, as its owner.", secret=True)
    service_b_postgres_url: str = setting(
        "SERVICE_B_POSTGRES_URL", "URL of the database as service B's role, with the password to set.", secret=True
    )
    query_postgres_url: str = setting("QUERY_POSTGRES_URL", "URL of the database for reading.", secret=True)


@dataclass(frozen=True, kw_only=True)
class EdgeSettings:
    """The command `mensageria`: the public edges."""

    gateway_url: str = setting("GATEWAY_URL", "Base URL of the gateway.", default="http://127.0.0.1:8000")
    query_url: str = setting("QUERY_URL", "Base URL of the query.")
    query_key: str = setting("QUERY_KEY", "Key that the query asks for, if it does.", default="", secret=True)
    gateway_key: str = setting("GATEWAY_KEY", "Key that the gateway asks for, if it does.", default="", secret=True)
    timeout_s: float = setting("TOOLS_TIMEOUT_S", "Longest wait for one answer.", default=15.0, least=0.1, most=3600)


@dataclass(frozen=True, kw_only=True)
class HealthSettings:
    """The command `mensageria` and the page /pipeline: where the services are."""

    web_url: str = setting(
        "WEB_URL", "Base URL of the web pages, as browsers have it.", default="http://127.0.0.1:8080"
    )
    service_b_url: str = setting("SERVICE_B_URL", "Base URL of service B's pages.", default="http://127.0.0.1:6066")
    service_c_url: str = setting("SERVICE_C_URL", "Base URL of service C's pages.", default="http://127.0.0.1:6067")


@dataclass(frozen=True, kw_only=True)
class QueueSettings:
    """The command `mensageria` and the page /pipeline: the queues and topics."""

    queue_b_url: str = setting("QUEUE_B_URL", "SQS queue of service B.")
    queue_c_url: str = setting("QUEUE_C_URL", "SQS queue of service C.")
    pending_queue_url: str = setting(
        "PENDING_QUEUE_URL",
        "SQS queue of the events that Kafka is still to get; without it, it is not shown.",
        default="",
    )
    dead_letter_b_url: str = setting("DEAD_LETTER_B_URL", "Dead-letter queue of service B.")
    dead_letter_c_url: str = setting("DEAD_LETTER_C_URL", "Dead-letter queue of service C.")
    kafka: KafkaSettings = field(default_factory=KafkaSettings)


@dataclass(frozen=True, kw_only=True)
class LoginSettings:
    """The web pages: who may come in, by OpenID Connect. Without all of it, loopback only."""

    issuer: str = setting("LOGIN_ISSUER", "Issuer of the OpenID provider, a URL.")
    client_id: str = setting("LOGIN_CLIENT_ID", "Web's client id at the provider.")
    client_secret: str = setting("LOGIN_CLIENT_SECRET", "The client's secret.", secret=True)
    session_key: str = setting(
        "LOGIN_SESSION_KEY", "Key that signs the session cookie, at least 32 characters.", secret=True
    )
    roles_claim: str = setting(
        "LOGIN_ROLES_CLAIM", "Claim of the ID token with the roles: `reader`, `publisher`, `operator`.", default="roles"
    )
    session_hours: float = setting(
        "LOGIN_SESSION_HOURS", "Hours after which one logs in again.", default=8.0, least=0.0001, most=8760
    )


@dataclass(frozen=True, kw_only=True)
class WebSettings:
    """The web pages."""

    host: str = setting("WEB_HOST", "Address to listen on.", default="127.0.0.1")
    port: int = setting("WEB_PORT", "Port to listen on.", default=8080, least=1, most=65535)
    guard: Literal["none", "proxy"] = setting(
        "WEB_GUARD",
        "`proxy`: something in front of web lets in only who may publish and operate; without it and without a "
        "login, loopback only.",
        default="none",
    )
    host_names: str = setting(
        "WEB_HOST_NAMES",
        "Names that browsers call web by beside those of loopback, without port, with commas between.",
        default="",
    )
    gateway_url: str = setting("GATEWAY_URL", "Base URL of the gateway.", default="http://127.0.0.1:8000")
    gateway_key: str = setting("GATEWAY_KEY", "Key that the gateway asks for, if it does.", default="", secret=True)
    query_url: str = setting("QUERY_URL", "Base URL of the query.")
    query_key: str = setting("QUERY_KEY", "Key that the query asks for, if it does.", default="", secret=True)
    trace_url: str = setting(
        "TRACE_URL",
        "Address of a trace in a trace viewer, such as `http://127.0.0.1:16686/trace/{trace_id}`, for an event's page.",
        default="",
    )
    timeout_s: float = setting(
        "WEB_TIMEOUT_S", "Longest wait for the gateway's or the query's answer.", default=10.0, least=0.1, most=3600
    )
    watch_every_s: float = setting(
        "WEB_WATCH_EVERY_S",
        "How often the state of the pipeline is taken while somebody looks at it.",
        default=3.0,
        least=0.1,
        most=3600,
    )
    backlog_every_s: float = setting(
        "WEB_BACKLOG_EVERY_S",
        "How often it is taken while nobody does: for /metrics, which tells what waits, and the charts.",
        default=15.0,
        least=0.1,
        most=3600,
    )
    health: HealthSettings = field(default_factory=HealthSettings)
    queues: QueueSettings | None = None
    login: LoginSettings | None = None
    log: LogSettings = field(default_factory=LogSettings)


@dataclass(frozen=True, kw_only=True)
class StoreSettings:
    """The command `mensageria`: the two stores."""

    postgres_url: str = setting("POSTGRES_URL", "libpq URL of the database, as its owner.", secret=True)
    table: str = setting("TABLE", "DynamoDB table of the events.", default="events")


@dataclass(frozen=True, kw_only=True)
class LayoutSettings:
    """`python -m infra.layout`: what the servers in containers must hold."""

    query_postgres_url: str = setting("QUERY_POSTGRES_URL", "URL of the database for reading.", secret=True)
    cursor_key: str = setting("CURSOR_KEY", "Key that signs the cursors, at least 32 characters.", secret=True)
    web_origin: str = setting(
        "WEB_ORIGIN", "The only origin whose pages may call the query.", default="http://127.0.0.1:8080"
    )
    kafka: KafkaSettings = field(default_factory=KafkaSettings)
    log: LogSettings = field(default_factory=LogSettings)


@dataclass(frozen=True, kw_only=True)
class KafkaAdminSettings:
    """`python -m infra.topics` and `python -m infra.acls`: topics and rights, made as the cluster's administrator."""

    kafka: KafkaSettings = field(default_factory=KafkaSettings)
    log: LogSettings = field(default_factory=LogSettings)


@dataclass(frozen=True, kw_only=True)
class SetupSettings:
    """`python -m infra.setup`: what the servers on AWS must hold, brought there by a task inside their network.

    libpq's `PGUSER` and `PGPASSWORD` say who the database's owner is.
    """

    postgres_url: str = setting("POSTGRES_URL", "libpq URL of the database.", secret=True)
    service_b_password: str = setting("SERVICE_B_PASSWORD", "Password to set for service B's role.", secret=True)
    query_password: str = setting("QUERY_PASSWORD", "Password to set for the query's role.", secret=True)
    kafka: KafkaSettings = field(default_factory=KafkaSettings)
    log: LogSettings = field(default_factory=LogSettings)


@dataclass(frozen=True, kw_only=True)
class StackSettings:
    """`make run`: the system on this machine."""

    home: Path = setting("HOME", "Folder of all local data.", default=Path(".local"))
    ports: Literal["default", "free"] = setting(
        "PORTS", "`free` takes free ports, so that two systems run side by side.", default="default"
    )
    dynamodb: Literal["disk", "memory"] = setting(
        "DYNAMODB", "Where the table's server keeps it: `disk` outlives a kill, `memory` is faster.", default="disk"
    )
    gateway_port: int = setting("GATEWAY_PORT", "Port of the gateway.", default=8000, least=1, most=65535)
    web_port: int = setting("WEB_PORT", "Port of the web pages.", default=8080, least=1, most=65535)
    service_b_port: int = setting("SERVICE_B_PORT", "Port of service B's web page.", default=6066, least=1, most=65535)
    service_c_port: int = setting("SERVICE_C_PORT", "Port of service C's web page.", default=6067, least=1, most=65535)
    kafka_port: int = setting("KAFKA_PORT", "Port of Kafka.", default=9092, least=1, most=65535)
    kafka_controller_port: int = setting(
        "KAFKA_CONTROLLER_PORT", "Port of Kafka's controller.", default=9093, least=1, most=65535
    )
    postgres_port: int = setting("POSTGRES_PORT", "Port of PostgreSQL.", default=5433, least=1, most=65535)
    aws_port: int = setting("AWS_PORT", "Port of the AWS emulator.", default=4566, least=1, most=65535)
    dynamodb_port: int = setting("DYNAMODB_PORT", "Port of the table's server.", default=4567, least=1, most=65535)
    observe: Literal["0", "1"] = setting(
        "OBSERVE",
        "`1` starts Prometheus too, which must be installed, and the `jaeger` of PATH: `make run OBSERVE=1`.",
        default="0",
    )
    prometheus_port: int = setting(
        "PROMETHEUS_PORT",
        "Port of Prometheus; Debian's package has one of its own run on 9090.",
        default=9095,
        least=1,
        most=65535,
    )
    jaeger_port: int = setting("JAEGER_PORT", "Port of Jaeger.", default=16686, least=1, most=65535)
    jaeger_otlp_port: int = setting(
        "JAEGER_OTLP_PORT", "Port on which Jaeger takes traces.", default=4318, least=1, most=65535
    )
    kafka: KafkaSettings = field(default_factory=KafkaSettings)
    log: LogSettings = field(default_factory=LogSettings)


def read(kind: type[T], environ: Mapping[str, str] = os.environ, *, before: Mapping[str, str] | None = None) -> T:
    """An instance of the settings class `kind` from environment variables, those of `before` first.

    Raises SettingsError, which names every variable that is missing or wrong.
    """
    return variables.filled(kind, {**environ, **(before or {})})


def given(kind: type[Any], environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The variables of the settings class `kind` that are set, for a process that will read them."""
    return {name: environ[name] for name in variables.names(kind) if name in environ}


def aws_region(environ: Mapping[str, str] = os.environ) -> str | None:
    """The region of `AWS_REGION`, which newer SDKs know and botocore does not read; None leaves it to botocore."""
    return environ.get("AWS_REGION") or None


def inherited(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The variables that any process on this machine needs; nothing of the project's and no secret."""
    return {name: environ[name] for name in _INHERITED if name in environ}


def markdown() -> str:
    """docs/settings.md: each settings class with its variables, defaults and meanings."""
    lines = [
        "# Settings",
        "",
        "Every setting is an environment variable. Made by `make docs` from pipeline/core/settings.py.",
        "The AWS SDKs read their own beside these: `AWS_REGION`, `AWS_ENDPOINT_URL`,",
        "`AWS_ENDPOINT_URL_DYNAMODB` and the credentials.",
    ]
    for kind in settings_classes():
        lines += ["", f"## {kind.__doc__}", "", *variables.table(kind)]
    return "\n".join(lines) + "\n"


def settings_classes() -> list[type[Any]]:
    """Every class of settings."""
    return [kind for kind in globals().values() if isinstance(kind, type) and is_dataclass(kind)]


if __name__ == "__main__":
    print(markdown(), end="")
