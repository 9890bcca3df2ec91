"""A disk that is full while somebody writes to it."""

import errno
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos.disk import can_mount, disk


@pytest.fixture
def anew() -> Iterator[None]:
    """Forget what was found of this machine, before and after the test."""
    can_mount.cache_clear()
    yield
    can_mount.cache_clear()


@pytest.mark.usefixtures("anew")
@pytest.mark.parametrize("is_there", [True, False])
def test_who_may_not_mount_has_no_disk(is_there: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """In a container, root is refused by the program, or has none."""
    if is_there:
        (tmp_path / "mount").write_text("#!/bin/sh\nexit 32\n")
        (tmp_path / "mount").chmod(0o700)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert not can_mount()
    with disk(tmp_path) as one:
        assert not one.can_fill


def test_a_disk_is_filled_while_a_file_on_it_grows(tmp_path: Path) -> None:
    with disk(tmp_path) as one:
        assert one.can_fill == can_mount()
        for number in range(20 if one.can_fill else 0):
            writer = Writer(tmp_path / str(number))
            writer.start()
            assert writer.has_begun.wait(10)
            one.fill()
            writer.join(10)
            assert not writer.is_alive()
            one.empty()
            (tmp_path / "room").write_bytes(b"again")


class Writer(threading.Thread):
    """Appends to `file` until the disk is full."""

    def __init__(self, file: Path) -> None:
        super().__init__(daemon=True)
        self.has_begun = threading.Event()
        self._file = file

    def run(self) -> None:
        with self._file.open("wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(4096))
                    self.has_begun.set()
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise
