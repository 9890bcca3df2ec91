"""One log format for every process: JSON lines, or a console that people read."""

import logging.config
import sys
from typing import Any

import stamina.instrumentation
import structlog

from pipeline.core.settings.process import LogSettings
from pipeline.telemetry.log_rate import LogRate


def logging_config(service: str, settings: LogSettings) -> dict[str, Any]:
    """A `logging.config.dictConfig` document that sends every logger's lines through structlog."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"structlog": {"()": lambda: _formatter(service, settings)}},
        "filters": {"rate": {"()": LogRate}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "structlog", "filters": ["rate"]}},
        "root": {"handlers": ["stderr"], "level": settings.level.upper()},
        "loggers": {name: {"handlers": [], "propagate": True} for name in ("uvicorn", "uvicorn.error", "faust", "mode")}
        | {name: {"level": "WARNING"} for name in ("aiokafka", "botocore", "aiobotocore", "httpx", "httpcore")},
    }


def configure(service: str, settings: LogSettings) -> None:
    """Set up logging for this process; structlog's loggers and the standard library's alike."""
    logging.config.dictConfig(logging_config(service, settings))
    structlog.configure(
        processors=[*_shared_processors(service), structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(settings.level.upper())),
        cache_logger_on_first_use=True,
    )
    stamina.instrumentation.set_on_retry_hooks([])  # each failed try is logged where it is known what failed


def _formatter(service: str, settings: LogSettings) -> structlog.stdlib.ProcessorFormatter:
    console = settings.format == "console" or (settings.format == "auto" and sys.stderr.isatty())
    # Not rich's tracebacks: they show local variables, and with them bodies and keys.
    on_console = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    renderer = on_console if console else structlog.processors.JSONRenderer()
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=_shared_processors(service),
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            *([] if console else [structlog.processors.format_exc_info]),
            renderer,
        ],
    )


def _shared_processors(service: str) -> list[Any]:
    def add_service(_logger: Any, _method: str, line: Any) -> Any:
        line["service"] = service
        return line

    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        add_service,
    ]
