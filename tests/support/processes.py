"""What a system has left on the machine (Linux)."""

import os
from pathlib import Path


def naming(text: str) -> list[str]:
    """The command lines of other processes with `text` in their arguments or their environment."""
    mine = (os.getpid(), os.getppid())
    seen = {pid: _seen(pid) for pid in _pids() if pid not in mine}
    return [what.split(b"\0\0")[0].replace(b"\0", b" ").decode() for what in seen.values() if text.encode() in what]


def is_alive(pid: int) -> bool:
    """Whether `pid` runs: a zombie doesn't."""
    try:
        state = (Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):  # the latter where it ends while the file is read
        return False
    return state != "Z"


def maps(pid: int) -> str:
    """The files that `pid` has mapped into its memory, and more: /proc/PID/maps."""
    return (Path("/proc") / str(pid) / "maps").read_text()


def family(pid: int) -> list[int]:
    """`pid` and what descends from it, in the order of the generations."""
    found = [pid]
    for parent in found:
        found += _children(parent)
    return found


def _children(pid: int) -> list[int]:
    try:
        lists = [file.read_text() for file in (Path("/proc") / str(pid) / "task").glob("*/children")]
    except (FileNotFoundError, ProcessLookupError):  # it ended meanwhile
        return []
    return [int(child) for each in lists for child in each.split()]


def _pids() -> list[int]:
    return [int(folder.name) for folder in Path("/proc").glob("[0-9]*")]


def _seen(pid: int) -> bytes:
    folder = Path("/proc") / str(pid)
    try:
        return (folder / "cmdline").read_bytes() + b"\0\0" + (folder / "environ").read_bytes()
    except (FileNotFoundError, ProcessLookupError, PermissionError):  # it ended meanwhile, or is another user's
        return b""
