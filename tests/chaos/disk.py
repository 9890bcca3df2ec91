"""A data folder on a file system of its own, which can be full: a tmpfs, and only root may mount one."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
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
    """A disk of its own for the block where this is run by root, else the folder as it is."""
    if not can_mount():
        yield Disk(folder, can_fill=False)
        return
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={_ROOM}", "mensageria-chaos", folder], check=True)
    try:
        yield Disk(folder, can_fill=True)
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def can_mount() -> bool:
    """Whether a file system can be mounted."""
    return os.geteuid() == 0
