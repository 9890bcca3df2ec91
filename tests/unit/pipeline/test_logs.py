"""The one format of the logs."""

import json
import logging

import pytest

from pipeline.core.settings.process import LogSettings
from pipeline.telemetry import logs


def formatted(format_: str, record: logging.LogRecord) -> str:
    settings = LogSettings(format=format_)  # type: ignore[arg-type]
    formatter: logging.Formatter = logs.logging_config("gateway", settings)["formatters"]["structlog"]["()"]()
    return formatter.format(record)


def _fail(body: str) -> None:
    raise KeyError(len(body))


def failed() -> logging.LogRecord:
    """A line with the traceback of a function that has a body in hand."""
    body = "marked-" + "body"
    try:
        _fail(body)
    except KeyError as error:
        failure = error
    exc_info = (type(failure), failure, failure.__traceback__)
    return logging.LogRecord("uvicorn.error", logging.ERROR, "", 0, "it %s", ("failed",), exc_info)


def test_a_line_of_any_library_has_the_members_of_ours() -> None:
    line = json.loads(formatted("json", failed()))
    assert {"timestamp", "level", "logger", "event", "service", "exception"} == line.keys()
    assert (line["event"], line["service"], line["level"]) == ("it failed", "gateway", "error")


@pytest.mark.parametrize("format_", ["json", "console"])
def test_a_traceback_shows_no_local_variables(format_: str) -> None:
    line = formatted(format_, failed())
    assert "in failed" in line
    assert "marked-body" not in line
