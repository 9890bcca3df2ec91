"""SECURITY.md names tests that exist."""

import ast
import re
from pathlib import Path

import pytest

from tests.support.running_system import ROOT

NAMED = sorted(set(re.findall(r"`(tests/\S+\.py)::(test_\w+)`", (ROOT / "SECURITY.md").read_text())))


@pytest.mark.parametrize(("file", "name"), NAMED)
def test_a_test_that_is_named_exists(file: str, name: str) -> None:
    tree = ast.parse((ROOT / file).read_text())
    functions = {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
    assert name in functions


def test_every_threat_has_an_answer_and_a_test() -> None:
    text = Path(ROOT / "SECURITY.md").read_text().partition("## Threats")[2]
    rows = [line.strip("|").split("|") for line in text.splitlines() if line.startswith("|")][2:]
    kinds = [row[0].strip() for row in rows if row[0].strip().startswith("**")]
    assert [kind.strip("*")[0] for kind in kinds] == list("STRIDE")
    threats = [[cell.strip() for cell in row] for row in rows if not row[0].strip().startswith("**")]
    assert all(answer and "::" in test for _, answer, test in threats)
