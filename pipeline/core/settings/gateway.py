"""Service A, the gateway."""

from dataclasses import dataclass, field
from typing import Literal

from pipeline.core.settings.kafka import KafkaSettings
from pipeline.core.settings.process import LogSettings, TraceSettings
from pipeline.core.variables import setting


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
