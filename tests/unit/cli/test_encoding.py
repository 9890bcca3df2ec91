"""The command on a terminal or a pipe that isn't UTF-8: each text is written, and no command ends in a traceback."""

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest

from cli import journey, journey_drawing
from cli.output import can_write, complain, say, write_anywhere, write_json, write_table
from tests.support.mensageria import COMMAND, environment
from tests.unit.cli.test_journey import IDENTITY, record

TEXT = "caf\u00e9 \u20ac \N{CRAB} \ud800"
ENCODINGS = [{"PYTHONIOENCODING": "ascii"}, {"PYTHONIOENCODING": "latin-1:strict"}, {"LC_ALL": "C", "PYTHONUTF8": "0"}]


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8", "cp437"])
def test_all_text_is_written_whatever_the_encoding(monkeypatch: pytest.MonkeyPatch, encoding: str) -> None:
    written = io.BytesIO()
    stream = io.TextIOWrapper(written, encoding=encoding)
    monkeypatch.setattr(sys, "stdout", stream)
    monkeypatch.setattr(sys, "stderr", stream)
    write_anywhere()
    value = {"id": TEXT.replace("\ud800", "")}
    write_json(value)
    say(TEXT)
    complain(TEXT)
    write_table(("id",), [(TEXT,)])
    of = journey.of(IDENTITY, record(), (), ())
    for line in journey_drawing.lines(of):
        drawn = line if can_write(line.plain) else journey_drawing.in_ascii(line)
        assert can_write(drawn.plain)
        say(drawn.plain)
    stream.flush()
    lines = written.getvalue().decode(encoding).splitlines()
    assert json.loads(lines[0]) == value
    assert lines[1].endswith("\\ud800")


@pytest.mark.parametrize("encoding", ENCODINGS, ids=lambda names: " ".join(names.values()))
@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["dead-letters", "list", "--help"], 0),
        (["publish", "caf\u00e9.json", "--type", "\u20ac"], 2),
        (["get", "\u20ac", "\N{CRAB}"], 3),
    ],
    ids=["help", "wrong usage", "no system"],
)
def test_no_command_ends_in_a_traceback(
    tmp_path: Path, encoding: dict[str, str], arguments: list[str], code: int
) -> None:
    own = environment(tmp_path, **encoding)
    ended = subprocess.run([COMMAND, *arguments], env=own, capture_output=True, timeout=60)
    assert b"Traceback" not in ended.stderr
    assert ended.returncode == code, ended.stderr
