"""Which lines of the logs `make logs` shows, and how."""

import json

import pytest

from stack.log_lines import Choice, readable

REFUSED = json.dumps({"event": "refused", "level": "warning", "trace_id": "abc"})
STORED = json.dumps({"event": "stored", "level": "info", "ids": ["order-1", "order-2"]})
KAFKA = "[2026-11-23 19:12:12,047] INFO [Broker id=1] an error was handled (kafka.server)"
POSTGRES = '2026-11-23 19:12:12.047 UTC [77] ERROR:  relation "x" of order-1 does not exist'
TRACE = ["Traceback (most recent call last):", '  File "error.py", line 1', "ValueError: no"]
BANNER = "The files belonging to this database system will be owned by user x."


def shown(choice: Choice, *lines: str) -> list[str]:
    return [line for line in lines if choice.holds(line)]


def test_without_a_choice_every_line_is_meant() -> None:
    lines = [BANNER, REFUSED, STORED, KAFKA, POSTGRES, *TRACE, "{broken", "{}", ""]
    assert shown(Choice(), *lines) == lines


@pytest.mark.parametrize(
    ("level", "meant"),
    [("info", [BANNER, REFUSED, STORED, KAFKA, POSTGRES]), ("warning", [REFUSED, POSTGRES]), ("error", [POSTGRES])],
)
def test_lines_are_chosen_by_their_level(level: str, meant: list[str]) -> None:
    assert shown(Choice(level=level), BANNER, REFUSED, STORED, KAFKA, POSTGRES) == meant


def test_a_traceback_goes_with_its_line() -> None:
    assert shown(Choice(level="error"), STORED, *TRACE[:2], POSTGRES, *TRACE, STORED, TRACE[0]) == [POSTGRES, *TRACE]


@pytest.mark.parametrize(
    ("id_", "meant"), [("order-1", [STORED, POSTGRES]), ("abc", [REFUSED]), ("order", [POSTGRES]), ("x-9", [])]
)
def test_lines_are_chosen_by_the_id_in_them(id_: str, meant: list[str]) -> None:
    assert shown(Choice(id_), BANNER, REFUSED, STORED, KAFKA, POSTGRES) == meant


def test_our_own_lines_are_made_readable() -> None:
    line = {
        "via": "sqs",
        "events": 2,
        "ids": ["order-1", "order-2"],
        "error": "postgres: no answer",
        "event": "write failed",
        "level": "warning",
        "logger": "streams.outcomes",
        "timestamp": "2026-11-23T19:12:12.047123Z",
        "service": "service-b",
    }
    told = '19:12:12.047 warning write failed via=sqs events=2 ids=order-1,order-2 error="postgres: no answer"'
    assert readable(json.dumps(line)) == told
    assert readable(json.dumps(line | {"exception": "\n".join(TRACE)})).splitlines() == [told, *TRACE]


def test_an_id_plays_no_tricks_with_the_terminal() -> None:
    line = json.dumps({"event": "stored", "ids": ["a\x1b[2J\nb", "\x9b1mé", "c d"]})
    assert readable(line).strip() == r'stored ids=a\x1b[2J\nb,\x9b1mé,"c d"'


@pytest.mark.parametrize("line", [KAFKA, POSTGRES, BANNER, *TRACE, "{broken", "{}", '{"a": 1}', ""])
def test_other_lines_stay_as_they_are(line: str) -> None:
    assert readable(line) == line
