"""The workflows call what is here, and nothing that can change under their feet."""

import re

import pytest

from tests.support.running_system import ROOT

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.stem)
def test_every_action_is_named_by_its_commit(file: object) -> None:
    text = ROOT.joinpath(str(file)).read_text()
    assert not re.findall(r"uses: (?!\S+@[0-9a-f]{40} # v)\S+", text)
    assert "permissions:\n  contents: read" in text


def test_every_command_of_a_workflow_is_here() -> None:
    text = "".join(file.read_text() for file in WORKFLOWS) + (ROOT / ".ci" / "run").read_text()
    targets = set(re.findall(r"(?:^make|run: make) ([a-z-]+)", text, re.MULTILINE))
    known = set(re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert targets <= known
    assert {"check", "test", "audit", "up", "down"} <= targets
    assert "run: .ci/run" in text
