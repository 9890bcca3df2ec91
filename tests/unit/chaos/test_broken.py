"""The broken builds of the fault kit: each patch still applies to the services as they are."""

from pathlib import Path

import pytest

from stack.home import ROOT
from tests.chaos.broken import BREAKS, Break


@pytest.mark.parametrize("broken", BREAKS, ids=lambda one: one.name)
def test_each_patch_applies(broken: Break, tmp_path: Path) -> None:
    tree = broken.build(tmp_path / "tree")
    changed = (tree / broken.file).read_text()
    assert changed != (ROOT / broken.file).read_text()
    if broken.file.endswith(".py"):
        compile(changed, broken.file, "exec")


def test_a_patch_that_no_longer_applies_is_refused() -> None:
    with pytest.raises(ValueError, match="no longer applies"):
        BREAKS[0].applied("something else")
