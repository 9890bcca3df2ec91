"""The exit code of a command, and that it ends quietly."""

import subprocess
import sys

import pytest
import typer

from cli.exit_codes import run
from operations.http_api import EdgeUnavailable, Problem, Refused
from pipeline.core import faults
from pipeline.core.errors import InvalidParameters, MensageriaError, SettingsError

ENDLESS = """
from cli import exit_codes, output

async def work():
    for number in range({lines}):
        output.{write}("x" * 100)
    return 0

exit_codes.run(work())
"""


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (SettingsError("wrong"), 2),
        (InvalidParameters({"from": faults.RANGE_REVERSED()}), 2),
        (Refused(Problem(422, "wrong")), 1),
        (EdgeUnavailable("gateway", "away"), 3),
    ],
)
def test_an_error_is_told_once_with_its_code(
    error: MensageriaError, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    async def work() -> int:
        raise error

    with pytest.raises(typer.Exit) as ended:
        run(work())
    assert ended.value.exit_code == code
    assert capsys.readouterr().err == f"mensageria: {error}\n"


@pytest.mark.parametrize(("lines", "write"), [(100_000, "write_json"), (100_000, "say"), (2, "say")])
def test_who_reads_may_go(lines: int, write: str) -> None:
    program = ENDLESS.format(lines=lines, write=write)
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.close()
        said = process.stderr.read()
    # Only `typer.Exit` itself is shown, which the command line takes for its end.
    assert b"BrokenPipe" not in said
    assert said.splitlines()[-1].endswith(b"Exit: 141")
