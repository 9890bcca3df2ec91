"""A service that lacks a setting says which one, and nothing else."""

import subprocess

import pytest

from stack.home import BIN
from tests.support.running_system import ROOT


@pytest.mark.parametrize(
    ("module", "missing"), [("service_b", "MENSAGERIA_QUEUE_B_URL"), ("service_c", "MENSAGERIA_QUEUE_C_URL")]
)
def test_a_missing_setting_is_one_line(module: str, missing: str) -> None:
    command = [str(BIN / "faust"), "-A", f"streams.{module}", "worker", "-l", "info"]
    ended = subprocess.run(command, cwd=ROOT, env={"PATH": str(BIN)}, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 1
    [line] = ended.stderr.strip().splitlines()
    assert line.startswith(f"{module.replace('_', '-')}: ")
    assert missing in line
