"""The log's bound: a flood is thinned, and the log says by how much."""

import logging
from typing import Any

import pytest

from pipeline.telemetry.log_rate import BURST_LINES, LINES_PER_S, LogRate
from tests.support.clock import Clock


def line(name: str, message: Any = "lost %s", *arguments: Any) -> logging.LogRecord:
    return logging.LogRecord(name, logging.ERROR, "", 0, message, arguments or None, None)


def test_a_flood_is_thinned_and_other_loggers_are_not(clock: Clock) -> None:
    rate = LogRate(clock)
    assert sum(rate.filter(line("aiokafka")) for _ in range(1000)) == BURST_LINES
    assert rate.filter(line("gateway"))
    clock.now += 10
    assert sum(rate.filter(line("aiokafka")) for _ in range(1000)) == 10 * LINES_PER_S


def test_much_work_buries_no_warning_and_debug_lines_all_pass(clock: Clock) -> None:
    rate = LogRate(clock)
    said = [logging.LogRecord("streams", level, "", 0, "stored", None, None) for level in (logging.INFO, logging.DEBUG)]
    assert [sum(rate.filter(each) for _ in range(1000)) for each in said] == [BURST_LINES, 1000]
    assert rate.filter(line("streams"))


@pytest.mark.parametrize(
    ("message", "arguments", "told"),
    [
        ("lost %s", ("node 1",), "lost node 1 (7 lines of this logger were left out before)"),
        ({"event": "refused"}, (), {"event": "refused", "lines_left_out": 7}),
    ],
)
def test_the_next_line_tells_how_many_were_left_out(
    clock: Clock, message: Any, arguments: tuple[str, ...], told: Any
) -> None:
    rate = LogRate(clock)
    for _ in range(BURST_LINES + 7):
        rate.filter(line("aiokafka"))
    clock.now += 1 / LINES_PER_S
    record = line("aiokafka", message, *arguments)
    assert rate.filter(record)
    assert (record.msg if isinstance(record.msg, dict) else record.getMessage()) == told
