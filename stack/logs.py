"""`make logs`: all logs as they grow, each line with its part's name before it."""

import asyncio
import sys
from pathlib import Path
from typing import cast

from stack.errors import StackError
from stack.home import Home
from stack.log_lines import Choice, readable

_FIRST_LINES = 10
_LONGEST_LINE = 1024**2


async def follow(home: Home, id_: str, level: str) -> int:
    """Print the last lines of each log and then every new one, until Ctrl-C.

    With an `id_`, or a `level` above debug, those lines alone that are meant, from each log's beginning on.
    On a terminal our own lines are made readable; elsewhere they are JSON, as they were written.
    Raises StackError where nothing has run on this home yet.
    """
    logs = sorted(home.folder("logs").glob("*.log"))
    if not logs:
        raise StackError(f"there are no logs in {home.path}: `make run` starts the system")
    width = max(len(log.stem) for log in logs)
    first = "+1" if id_ or level != "debug" else str(_FIRST_LINES)
    try:
        await asyncio.gather(*(_follow(log, first, Choice(id_, level), log.stem.ljust(width)) for log in logs))
    except asyncio.CancelledError:  # Ctrl-C is how it ends
        return 0
    return 1


async def _follow(log: Path, first: str, choice: Choice, name: str) -> None:
    # -F: a log that was put aside and begun anew is followed on.
    tail = await asyncio.create_subprocess_exec(
        "tail", "-n", first, "-F", str(log), stdout=asyncio.subprocess.PIPE, limit=_LONGEST_LINE
    )
    try:
        async for line in cast("asyncio.StreamReader", tail.stdout):
            text = line.decode(errors="replace").rstrip("\n")
            if choice.holds(text):
                print(name, readable(text) if sys.stdout.isatty() else text, sep=" | ", flush=True)
    finally:
        if tail.returncode is None:
            tail.terminate()
        await tail.wait()
