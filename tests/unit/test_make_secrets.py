"""`docker/make-secrets`: what `make up` runs once."""

import hashlib
import stat
import subprocess
from pathlib import Path

import pytest

from gateway.keys import read
from tests.support import compose
from tests.support.running_system import ROOT


@pytest.fixture
def made(tmp_path: Path) -> dict[str, str]:
    subprocess.run([ROOT / "docker" / "make-secrets"], cwd=tmp_path, check=True)
    return compose.variables((tmp_path / ".env").read_text())


def test_the_file_is_all_that_compose_needs(made: dict[str, str]) -> None:
    compose.load(made)


def test_the_gateway_knows_the_key_by_its_hash(made: dict[str, str], tmp_path: Path) -> None:
    [key] = read(tmp_path / ".gateway-keys" / "keys")
    assert key.digest == hashlib.sha256(made["MENSAGERIA_GATEWAY_KEY"].encode()).digest()


def test_only_the_hash_of_the_key_is_readable_by_others(made: dict[str, str], tmp_path: Path) -> None:
    assert stat.S_IMODE((tmp_path / ".env").stat().st_mode) == 0o600
    assert made["MENSAGERIA_GATEWAY_KEY"] not in (tmp_path / ".gateway-keys" / "keys").read_text()


def test_each_secret_is_one_of_its_own_and_long(made: dict[str, str]) -> None:
    secrets = {value for name, value in made.items() if name.endswith(("KEY", "PASSWORD"))}
    assert len(secrets) == 6
    assert all(len(secret) >= 43 for secret in secrets)


def test_a_second_run_adds_what_is_missing_and_changes_nothing_else(made: dict[str, str], tmp_path: Path) -> None:
    """As after an update that needs one secret more."""
    file, keys = tmp_path / ".env", (tmp_path / ".gateway-keys" / "keys").read_text()
    kept = [line for line in file.read_text().splitlines() if not line.startswith("MENSAGERIA_SERVICE_B_PASSWORD=")]
    file.write_text("\n".join(kept) + "\n")
    subprocess.run([ROOT / "docker" / "make-secrets"], cwd=tmp_path, check=True)
    now = compose.variables(file.read_text())
    assert now.keys() == made.keys()
    assert {name for name in made if now[name] != made[name]} == {"MENSAGERIA_SERVICE_B_PASSWORD"}
    assert (tmp_path / ".gateway-keys" / "keys").read_text() == keys


def test_the_keys_of_an_older_installation_stay_good(made: dict[str, str], tmp_path: Path) -> None:
    """Which had a file where the folder is."""
    folder = tmp_path / ".gateway-keys"
    keys = (folder / "keys").read_text()
    (folder / "keys").rename(tmp_path / "keys")
    folder.rmdir()
    (tmp_path / "keys").rename(folder)
    subprocess.run([ROOT / "docker" / "make-secrets"], cwd=tmp_path, check=True)
    assert (folder / "keys").read_text() == keys
    assert stat.S_IMODE(folder.stat().st_mode) == 0o755


def test_both_files_stay_out_of_git() -> None:
    ignored = subprocess.run(
        ["git", "check-ignore", ".env", ".gateway-keys"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert ignored.stdout.split() == [".env", ".gateway-keys"]
