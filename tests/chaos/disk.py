"""A data folder on a file system of its own, which can be full: a tmpfs, where one may be mounted."""

import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_ROOM = "6g"
"""More than a run of an hour writes; a tmpfs takes memory for what is in it alone."""
_ROOMS = (0, *(2**power for power in range(16, 27)))
"""Bytes: none, then 64 KiB to 64 MiB."""


@dataclass
class Disk:
    """The file system of `folder`; `can_fill` says whether it is one of its own."""

    folder: Path
    can_fill: bool

    def fill(self) -> None:
        """Leave no room, or what files grow by while their end is looked for. Raises OSError."""
        for room in _ROOMS:
            found = os.statvfs(self.folder)
            used = (found.f_blocks - found.f_bfree) * found.f_frsize
            if not (fault := self._resize(str(used + room))):  # else a file has outgrown that end meanwhile
                return
        raise OSError(f"{self.folder} could not be filled: {fault}")

    def empty(self) -> None:
        """Give the room back. Raises OSError."""
        if fault := self._resize(_ROOM):
            raise OSError(f"{self.folder} could not be given its room back: {fault}")

    def _resize(self, size: str) -> str:
        """What mount says against it; nothing where it is done."""
        mount = ["mount", "-o", f"remount,size={size}", str(self.folder)]
        done = subprocess.run(mount, check=False, stderr=subprocess.PIPE, text=True)
        return done.stderr if done.returncode else ""


@contextmanager
def disk(folder: Path) -> Iterator[Disk]:
    """A disk of its own for the block where one can be mounted, else the folder as it is."""
    if not can_mount():
        yield Disk(folder, can_fill=False)
        return
    subprocess.run(_mount(folder, _ROOM), check=True)
    try:
        yield Disk(folder, can_fill=True)
    finally:
        subprocess.run(_unmount(folder), check=True)


@cache
def can_mount() -> bool:
    """Whether a file system can be mounted: tried, as root in a container is root without the right to it."""
    with tempfile.TemporaryDirectory(prefix="mensageria-chaos-") as name:
        folder = Path(name)
        return _is_done(_mount(folder, "64k")) and _is_done(_unmount(folder))


def _mount(folder: Path, size: str) -> list[str]:
    return ["mount", "-t", "tmpfs", "-o", f"size={size}", "mensageria-chaos", str(folder)]


def _unmount(folder: Path) -> list[str]:
    return ["umount", "--lazy", str(folder)]


def _is_done(command: list[str]) -> bool:
    try:
        return subprocess.run(command, check=False, stderr=subprocess.DEVNULL).returncode == 0
    except FileNotFoundError:
        return False
