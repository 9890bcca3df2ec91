"""The systems that are compared as a whole: this one, the naive one, and that of an earlier commit."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from bench.errors import BenchError
from bench.pipelines import NAIVE, OURS
from stack.home import ROOT

EARLIER_COMMIT = "dfe25e0"
"""The first that starts with dynalite: no earlier one runs without DynamoDB Local, which is not open source."""
_ITS_EMULATOR = (
    ("stack/aws.py", '"-m", "stack.emulator")', '"-m", "stack.emulator", "--unchanged")'),
    (
        "stack/emulator.py",
        "    uvicorn.Server(config).run(sockets=[_listening(options.host, port) for port in ports])\n",
        """\
    from asyncio import run

    from hypercorn.asyncio import serve
    from hypercorn.config import Config

    bind = [f"{options.host}:{port}" for port in ports]
    run(serve(guard, Config.from_mapping(bind=bind, keep_alive_timeout=_KEEP_ALIVE_S, loglevel="WARNING")))
""",
    ),
)
"""File, text, replacement. That commit already adapts ministack: this undoes it, as the index of its queues and uvicorn
are a part of what is compared. ministack then has its own queues and its own server, hypercorn.
"""
_CHECKOUTS = ROOT / ".build" / "earlier"


async def _this_checkout() -> Path:
    return ROOT


async def _earlier_checkout() -> Path:
    """A worktree of EARLIER_COMMIT with ministack as it comes, and all that is locked there. Raises BenchError."""
    tree = _CHECKOUTS / EARLIER_COMMIT
    if not (tree / "Makefile").exists():
        # Forced: a worktree whose folder was removed is still known.
        await _run("git", "worktree", "add", "--force", "--detach", str(tree), EARLIER_COMMIT)
    for name, before, after in _ITS_EMULATOR:
        file = tree / name
        file.write_text(file.read_text().replace(before, after))
        if after not in file.read_text():
            raise BenchError(f"{file} is neither that of {EARLIER_COMMIT} nor changed as it should be: remove {tree}")
    await _run("make", "-C", str(tree), "install", f"PYTHON={sys._base_executable}")  # type: ignore[attr-defined]
    return tree


async def _run(*command: str) -> None:
    process = await asyncio.create_subprocess_exec(
        *command, cwd=ROOT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    told, _ = await process.communicate()
    if process.returncode:
        raise BenchError(f"`{' '.join(command)}` ended with {process.returncode}: {told.decode()[-2000:]}")


@dataclass(frozen=True)
class Build:
    """A system: `module` starts it, in the checkout that `checkout` returns."""

    name: str
    module: tuple[str, ...]
    checkout: Callable[[], Awaitable[Path]] = _this_checkout


THIS = Build(OURS.name, ("stack", "run"))
NAIVE_WHOLE = Build(NAIVE.name, ("bench.references.naive.system",))
EARLIER = Build(f"commit {EARLIER_COMMIT}", ("stack", "run"), _earlier_checkout)
ALL = {each.name: each for each in (THIS, NAIVE_WHOLE, EARLIER)}
