"""`pipeline.core` needs the standard library alone: the Lambda's archive holds nothing else of the pipeline."""

import ast
import sys
from pathlib import Path

import pytest

import pipeline.core

_MODULES = sorted(Path(pipeline.core.__path__[0]).rglob("*.py"))


def imported(source: str) -> set[str]:
    """The modules that `source` imports, at its top and elsewhere."""
    nodes = list(ast.walk(ast.parse(source)))
    plain = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    return plain | {str(node.module) for node in nodes if isinstance(node, ast.ImportFrom)}


@pytest.mark.parametrize("module", _MODULES, ids=lambda path: str(path.stem))
def test_core_imports_the_standard_library_and_itself(module: Path) -> None:
    foreign = {
        name
        for name in imported(module.read_text())
        if name.partition(".")[0] not in sys.stdlib_module_names and not f"{name}.".startswith("pipeline.core.")
    }
    assert foreign == set()


def test_imports_are_found_wherever_they_are() -> None:
    assert imported("import os\ndef f():\n    from msgspec import json\n    import a.b as c\n") == {
        "os",
        "msgspec",
        "a.b",
    }
