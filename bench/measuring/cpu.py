"""The CPU time of processes and the cores that they may use; Linux alone tells both."""

import os
from pathlib import Path

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_UTIME, _STIME = 11, 12  # of the fields after the program's name, which may hold blanks


def seconds(pid: int) -> float:
    """User and system time that the process `pid` and its living descendants have used, in steps of 10 ms.

    Raises FileNotFoundError where the process is gone.
    """
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    own = (int(fields[_UTIME]) + int(fields[_STIME])) / _TICKS_PER_S
    return own + sum(_seconds_of_child(child) for child in _children(pid))


def _seconds_of_child(pid: int) -> float:
    try:
        return seconds(pid)
    except (FileNotFoundError, ProcessLookupError):  # it ended meanwhile, as a connection of PostgreSQL's does
        return 0.0


def waited_seconds(pid: int) -> float:
    """How long the main thread of the process `pid` could have run and had no core: others had it.

    Source: the kernel's scheduler statistics, sched-stats.rst. Raises FileNotFoundError where the process is gone.
    """
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[1]) / 1e9


def pin(pid: int, cores: set[int]) -> None:
    """Let every thread of the process `pid` run on `cores` alone; those it starts later inherit it."""
    for thread in Path(f"/proc/{pid}/task").iterdir():
        os.sched_setaffinity(int(thread.name), cores)


def split_cores() -> tuple[set[int], set[int]]:
    """The core of what is measured, and those of all else; the same one where there is only one."""
    first, *others = sorted(os.sched_getaffinity(0))
    return {first}, set(others or [first])


def descendants(pid: int) -> list[int]:
    """The living children of the process `pid`, theirs, and so on."""
    children = _children(pid)
    return children + [each for child in children for each in descendants(child)]


def _children(pid: int) -> list[int]:
    files = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for file in files for child in file.read_text().split()]
