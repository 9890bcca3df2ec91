"""`make reset` removes a home when the answer is yes, and nothing else ever."""

import io
from pathlib import Path

import pytest

from stack import reset
from stack.errors import StackError
from stack.home import Home


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home")
    with home.held():
        home.secret("postgres")
    return home


def answer(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(text))


def test_yes_removes_it(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    answer(monkeypatch, "yes\n")
    assert reset.ask(home) == 0
    assert not home.path.exists()


@pytest.mark.parametrize("text", ["no\n", "\n", "", "y\n"])
def test_anything_else_keeps_it(home: Home, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    answer(monkeypatch, text)
    assert reset.ask(home) == 1
    assert (home.path / "secrets" / "postgres").exists()


def test_a_home_in_use_is_kept(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    answer(monkeypatch, "yes\n")
    with home.held(), pytest.raises(StackError, match="already"):
        reset.ask(home)
    assert home.path.exists()


def test_a_folder_that_is_no_home_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answer(monkeypatch, "yes\n")
    (tmp_path / "thesis.txt").touch()
    with pytest.raises(StackError, match="no system has run"):
        reset.ask(Home(tmp_path))
    assert (tmp_path / "thesis.txt").exists()
