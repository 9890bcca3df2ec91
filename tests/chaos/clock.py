"""A wall clock that can be set, for one process: libfaketime (Debian's package `faketime`)."""

from pathlib import Path

_FOUND = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
IS_THERE = bool(_FOUND)


def environment(file: Path) -> dict[str, str]:
    """What a process is started with, so that `file` sets its clock; nothing where libfaketime isn't installed."""
    if not IS_THERE:
        return {}
    shift(file, 0)
    return {
        "LD_PRELOAD": str(_FOUND[0]),
        "FAKETIME_TIMESTAMP_FILE": str(file),
        "FAKETIME_CACHE_DURATION": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",  # a machine whose clock is set keeps its monotonic one
    }


def shift(file: Path, seconds: int) -> None:
    """Let the clock be `seconds` off, within a second from now."""
    new = file.with_name(file.name + ".new")
    new.write_text(f"{seconds:+d}")
    new.replace(file)
