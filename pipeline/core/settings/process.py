"""Settings of every process: logs and spans."""

from dataclasses import dataclass
from typing import Literal

from pipeline.core.variables import setting


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
