"""What is given to make as a variable is a value: make expands nothing in it, and the shell gets it as it is."""

import re
import shlex
import subprocess
from pathlib import Path

import pytest

MAKEFILE = Path("Makefile").read_text()
VALUES = re.findall(r"^VALUES := (.*)$", MAKEFILE, re.MULTILINE)[0].split()
SHOWN = {
    "ID": "logs",
    "LEVEL": "logs",
    "SEED": "chaos",
    "RATE": "chaos",
    "MINUTES": "chaos",
    "ENV": "deploy",
    "WORKLOADS": "bench",
    "OBSERVE": "run",
}
"""The target whose command holds the value."""


def printed(target: str, *variables: str) -> str:
    command = ["make", "--no-print-directory", "-n", target, *variables]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout


def test_every_variable_that_only_a_caller_sets_is_taken_as_a_value() -> None:
    used = set(re.findall(r"\$\(([A-Z]+)\)", MAKEFILE)) | set(re.findall(r"\$\(if \$\(([A-Z]+)\)", MAKEFILE))
    made_here = set(re.findall(r"^([A-Z_]+) :?= ", MAKEFILE, re.MULTILINE))
    assert used - made_here - set(VALUES) == {"PYTHON"}  # which has a default, and a line of its own
    assert "override PYTHON := $(value PYTHON)" in MAKEFILE


@pytest.mark.parametrize("name", [*VALUES, "PYTHON"])
def test_make_runs_nothing_that_is_in_a_value(name: str, tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    for target in ("run", "chaos", "bench", "soak", "logs", "deploy", "undeploy", "lock"):
        printed(target, f"{name}=$(shell touch {ran})")
    assert not ran.exists()


@pytest.mark.parametrize("name", SHOWN)
def test_the_shell_gets_a_value_as_it_is(name: str) -> None:
    value = "$(shell:false);'$x`y`\"&|"
    line = printed(SHOWN[name], f"{name}={value}").rstrip().splitlines()[-1]
    assert any(word.endswith(value) for word in shlex.split(line)), line


def test_what_is_not_given_is_left_out() -> None:
    assert shlex.split(printed("logs").splitlines()[-1])[-1] == "logs"
    assert shlex.split(printed("bench", "WORKLOADS=W1 W2").splitlines()[-1])[-2:] == ["W1", "W2"]
