"""Documents name files that are there."""

import re
from pathlib import Path

import pytest

_FOLDERS = (
    "pipeline|operations|gateway|streams|lambda_query|cli|web|infra|migrations|stack|dashboards|docker|bench|tests|bin"
)
_NAMED = re.compile(rf"(?<![\w./-])(?:{_FOLDERS})/[\w./-]*\w")
_MODULE = re.compile(r"`([a-z_0-9]+\.(?:py|sql|js))`")
_TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)")
_DOCUMENTS = [*sorted(Path().glob("*.md")), *sorted(Path("docs").rglob("*.md"))]


def missing(text: str) -> set[str]:
    """The files and folders that `text` names and that are not there; a name in capitals stands for any."""
    named = {name for name in _NAMED.findall(text) if not re.search(r"[A-Z]{4}", name)}
    return {name for name in named if not Path(name).exists()}


@pytest.mark.parametrize("document", _DOCUMENTS, ids=str)
def test_every_file_that_a_document_names_is_there(document: Path) -> None:
    assert missing(document.read_text()) == set()


@pytest.mark.parametrize("document", _DOCUMENTS, ids=str)
def test_every_module_that_a_document_names_without_its_folder_is_there(document: Path) -> None:
    named = set(_MODULE.findall(document.read_text()))
    assert {
        name for name in named if not any(list(Path(folder).rglob(name)) for folder in _FOLDERS.split("|"))
    } == set()


@pytest.mark.parametrize("document", _DOCUMENTS, ids=str)
def test_every_test_that_a_document_names_is_there(document: Path) -> None:
    named = set(_TEST.findall(document.read_text())) - {("tests/unit/gateway/test_breaker.py", "test_NAME")}
    assert {(file, name) for file, name in named if f"def {name}(" not in Path(file).read_text()} == set()


def test_a_file_that_is_not_there_is_found() -> None:
    text = "see `pipeline/core/clock.py`, [one](gateway/none.py), web/templates/NAME.html and tests/unit"
    assert missing(text) == {"gateway/none.py"}
