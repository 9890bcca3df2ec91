"""The command `mensageria`, and what the pages share with it."""

from dataclasses import dataclass, field

from pipeline.core.settings.kafka import KafkaSettings
from pipeline.core.settings.shared import ApiSettings, OwnerSettings, QueueBSettings, QueueCSettings, TableSettings
from pipeline.core.variables import setting


@dataclass(frozen=True, kw_only=True)
class EdgeSettings(ApiSettings):
    """The command `mensageria`: the public edges."""

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
class QueueSettings(QueueCSettings, QueueBSettings):
    """The command `mensageria` and the page /pipeline: the queues and topics."""

    pending_queue_url: str = setting(
        "PENDING_QUEUE_URL",
        "SQS queue of the events that Kafka is still to get; without it, it is not shown.",
        default="",
    )
    kafka: KafkaSettings = field(default_factory=KafkaSettings)


@dataclass(frozen=True, kw_only=True)
class StoreSettings(TableSettings, OwnerSettings):
    """The command `mensageria`: the two stores."""
