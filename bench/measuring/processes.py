"""What the processes of a running system hold; Linux alone tells it."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from bench.measuring import cpu

_ANONYMOUS = re.compile(r"^RssAnon:\s+(\d+) kB", re.MULTILINE)


class Held(NamedTuple):
    """Memory of its own (no files, nothing shared), and open descriptors, of a process and its descendants."""

    memory_mib: float
    descriptors: int


def held(pids: Mapping[str, int]) -> dict[str, Held]:
    """What each of the processes holds, by name."""
    return {name: _held(pid) for name, pid in pids.items()}


def _held(pid: int) -> Held:
    each = [_of_one(Path(f"/proc/{number}")) for number in (pid, *cpu.descendants(pid))]
    return Held(sum(held.memory_mib for held in each), sum(held.descriptors for held in each))


def _of_one(process: Path) -> Held:
    try:
        found = _ANONYMOUS.search((process / "status").read_text())
        return Held(int(found[1]) / 1024 if found else 0.0, sum(1 for _ in (process / "fd").iterdir()))
    except (FileNotFoundError, ProcessLookupError):
        return Held(0.0, 0)  # it has ended meanwhile, as PostgreSQL's workers do
