"""`make run`."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from pipeline.core.settings.kafka import KafkaSettings
from pipeline.core.settings.process import LogSettings
from pipeline.core.variables import setting


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
