"""Keys: who is let in, what the file may say, and that a new file counts without a restart."""

import errno
import os
from pathlib import Path

import pytest

from gateway.access import Access
from gateway.errors import RateLimited
from gateway.keys import CHECK_EVERY_S, Keys
from pipeline.core.errors import KeyRevoked, NoKey, SettingsError
from pipeline.core.keys import new
from pipeline.core.settings.gateway import GatewaySettings
from tests.support.clock import Clock


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keys"


def test_each_key_has_its_name(path: Path) -> None:
    (shop_key, shop), (mail_key, mail) = new("shop"), new("mail")
    path.write_text(f"# who may publish\n{shop}  # the shop\n\n{mail}\n")
    keys = Keys(path)
    assert keys.publisher(f"Bearer {shop_key}") == "shop"
    assert keys.publisher(f"bearer  {mail_key} ") == "mail"
    assert shop_key not in path.read_text()


@pytest.mark.parametrize("sent", [None, "", "Bearer", "Bearer ", "Basic abc", "Bearer mens_wrong", "Bearer é"])
def test_whoever_has_no_key_is_told_how_to_send_one(path: Path, sent: str | None) -> None:
    path.write_text(new("shop")[1])
    with pytest.raises(NoKey, match="Authorization: Bearer KEY"):
        Keys(path).publisher(sent)


def test_a_hash_is_no_key(path: Path) -> None:
    _, line = new("shop")
    path.write_text(line)
    with pytest.raises(NoKey):
        Keys(path).publisher(f"Bearer {line.split()[1]}")


def test_a_revoked_key_is_told_so(path: Path) -> None:
    key, line = new("shop")
    path.write_text(f"{line} revoked\n")
    with pytest.raises(KeyRevoked, match="shop"):
        Keys(path).publisher(f"Bearer {key}")


@pytest.mark.parametrize("order", [1, -1])
def test_a_revocation_wins_wherever_it_stands(path: Path, order: int) -> None:
    key, line = new("shop")
    path.write_text("\n".join([line, f"{line} revoked"][::order]))
    with pytest.raises(KeyRevoked, match="shop"):
        Keys(path).publisher(f"Bearer {key}")


def test_a_changed_file_counts_and_a_broken_one_leaves_the_old_keys(path: Path, clock: Clock) -> None:
    (old_key, old), (new_key, rotated) = new("shop"), new("shop")
    path.write_text(old)
    keys = Keys(path, clock)
    path.write_text(f"{old}\n{rotated}\n")
    with pytest.raises(NoKey):
        keys.publisher(f"Bearer {new_key}")
    clock.now += CHECK_EVERY_S
    assert keys.publisher(f"Bearer {new_key}") == "shop"
    path.write_text("what is this\n")
    clock.now += CHECK_EVERY_S
    assert keys.publisher(f"Bearer {old_key}") == "shop"
    path.unlink()
    clock.now += CHECK_EVERY_S
    assert keys.publisher(f"Bearer {old_key}") == "shop"
    path.write_text(rotated)
    keys.reload()
    with pytest.raises(NoKey):
        keys.publisher(f"Bearer {old_key}")


def test_a_file_that_could_not_be_read_once_is_read_again(path: Path, clock: Clock) -> None:
    """A revocation counts, though the first reading of it failed."""
    key, line = new("shop")
    path.write_text(f"{line}\n")
    keys = Keys(path, clock)
    path.write_bytes(b"\xff" + f"{line} revoked\n".encode()[1:])
    clock.now += CHECK_EVERY_S
    assert keys.publisher(f"Bearer {key}") == "shop"
    seen = path.stat()
    with path.open("r+b") as file:  # the same file, size and time: only the change of the inode tells
        file.write(line[:1].encode())
    os.utime(path, ns=(seen.st_atime_ns, seen.st_mtime_ns))
    clock.now += CHECK_EVERY_S
    with pytest.raises(KeyRevoked):
        keys.publisher(f"Bearer {key}")


def test_a_reading_that_fails_for_a_moment_is_tried_again(
    path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, line = new("shop")
    path.write_text(f"{line}\n")
    keys = Keys(path, clock)
    path.write_text(f"{line} revoked\n")
    with monkeypatch.context() as broken:
        broken.setattr(Path, "read_text", _raise_io_error)
        clock.now += CHECK_EVERY_S
        assert keys.publisher(f"Bearer {key}") == "shop"
    clock.now += CHECK_EVERY_S
    with pytest.raises(KeyRevoked):
        keys.publisher(f"Bearer {key}")


def _raise_io_error(_: Path) -> str:
    raise OSError(errno.EIO, "Input/output error")


@pytest.mark.parametrize("text", ["", "# nobody\n", "shop", "shop abc", f"a b {'0' * 64}", f"shop {'0' * 64} maybe"])
def test_a_wrong_file_is_an_error_that_names_it(path: Path, text: str) -> None:
    path.write_text(text)
    with pytest.raises(SettingsError, match=str(path)):
        Keys(path)


@pytest.mark.parametrize("name", ["", "a b", "-x", "x" * 65, "é"])
def test_a_name_that_could_not_travel_is_refused(name: str) -> None:
    with pytest.raises(SettingsError, match="name"):
        new(name)


def test_each_key_has_a_bucket_of_its_own() -> None:
    access = Access(GatewaySettings(topic_arn="arn", key_events_per_s=0.001, key_burst_events=1))
    for publisher in ("shop", "mail"):
        access.require_rate(publisher)
        access.spend(publisher, 1)
    with pytest.raises(RateLimited):
        access.require_rate("shop")
    open_to_all = Access(GatewaySettings(topic_arn="arn"))
    open_to_all.spend("shop", 10**9)
    open_to_all.require_rate("shop")
