"""`make logs`: all logs as they grow, each line with its part's name before it."""

import asyncio
from pathlib import Path
from typing import cast

from stack.errors import StackError
from stack.home import Home

_FIRST_LINES = 10


async def follow(home: Home) -> int:
    """Print the last lines of each log and then every new one, until Ctrl-C.

    Raises StackError where nothing has run on this home yet.
    """
    logs = sorted(home.folder("logs").glob("*.log"))
    if not logs:
        raise StackError(f"there are no logs in {home.path}: `make run` starts the system")
    width = max(len(log.stem) for log in logs)
    try:
        await asyncio.gather(*(_follow(log, log.stem.ljust(width)) for log in logs))
    except asyncio.CancelledError:  # Ctrl-C is how it ends
        return 0
    return 1


async def _follow(log: Path, name: str) -> None:
    # -F: a log that was put aside and begun anew is followed on.
    tail = await asyncio.create_subprocess_exec(
        "tail", "-n", str(_FIRST_LINES), "-F", str(log), stdout=asyncio.subprocess.PIPE
    )
    try:
        async for line in cast("asyncio.StreamReader", tail.stdout):
            print(name, line.decode(errors="replace").rstrip("\n"), sep=" | ", flush=True)
    finally:
        if tail.returncode is None:
            tail.terminate()
        await tail.wait()
