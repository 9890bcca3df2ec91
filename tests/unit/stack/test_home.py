"""The home: secrets, addresses, and one system at a time."""

import json
import stat
from pathlib import Path

import pytest

from stack.errors import PartFailed, StackError
from stack.home import Home, write_private


def mode(file: Path) -> int:
    return stat.S_IMODE(file.stat().st_mode)


def test_a_secret_stays_and_is_private(tmp_path: Path) -> None:
    first = Home(tmp_path).secret("postgres")
    assert Home(tmp_path).secret("postgres") == first
    assert Home(tmp_path).secret("cursor-key") != first
    assert len(first) == 43
    assert mode(tmp_path / "secrets" / "postgres") == 0o600


def test_addresses_are_there_for_the_block_only(tmp_path: Path) -> None:
    home = Home(tmp_path)
    with home.published({"gateway": "http://127.0.0.1:8000"}):
        assert json.loads(home.endpoints.read_text()) == {"gateway": "http://127.0.0.1:8000"}
        assert mode(home.endpoints) == 0o600
    assert list(tmp_path.iterdir()) == []


def test_a_private_file_is_replaced_whole_and_keeps_its_mode(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("public")
    file.chmod(0o644)
    write_private(file, "secret")
    assert file.read_text() == "secret"
    assert mode(file) == 0o600


def test_one_system_holds_a_home(tmp_path: Path) -> None:
    home = Home(tmp_path)
    with home.held(), pytest.raises(StackError, match="already"), Home(tmp_path).held():
        pass
    with home.held():
        pass


def test_a_home_is_closed_to_others_also_where_it_was_open(tmp_path: Path) -> None:
    for path in (tmp_path / "open", tmp_path / "new"):
        (tmp_path / "open").mkdir(mode=0o755, exist_ok=True)
        with Home(path).held():
            assert mode(path) == 0o700


def test_a_folder_of_all_users_is_no_home(tmp_path: Path) -> None:
    tmp_path.chmod(0o1777)
    with pytest.raises(StackError, match="of its own"), Home(tmp_path).held():
        pass
    assert mode(tmp_path) == 0o1777


def test_a_failure_shows_the_last_lines_of_the_log(tmp_path: Path) -> None:
    log = tmp_path / "kafka.log"
    log.write_text("\n".join(f"line {number}" for number in range(100_000)))
    text = str(PartFailed("kafka", "ended", log))
    assert text.startswith("kafka ended.\n")
    assert text.endswith("  line 99999")
    assert len(text.splitlines()) == 17


def test_a_failure_without_a_log_says_so(tmp_path: Path) -> None:
    assert "is empty" in str(PartFailed("kafka", "ended", tmp_path / "kafka.log"))


@pytest.mark.parametrize("place", ["file", "file/below"])
def test_a_home_that_cannot_be_is_named(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StackError, match="can't be the home"), Home(tmp_path / place).held():
        pass
