"""The command `mensageria`, run as a person runs it."""

import asyncio
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

COMMAND = Path(__file__).resolve().parents[2] / "bin" / "mensageria"
END_S = 100
_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(
    [
        *("cli.app", "cli.output", "aioboto3", "aiobotocore.config", "aiokafka"),
        *("typer._adapters", "pydantic.type_adapter", "rich._emoji_codes"),  # what these import when they are used
        *("httpcore", "h2.connection", "anyio._backends._asyncio"),
    ]
)


@dataclass(frozen=True)
class Ended:
    """A run of the command that has ended."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[dict[str, Any]]:
        """What it wrote with --json."""
        return [json.loads(line) for line in self.out.splitlines()]


@dataclass(frozen=True)
class Tool:
    """The command on the system of `home`, or one group of its commands."""

    home: Path
    group: tuple[str, ...] = ()
    encoding: str = "utf-8"
    """That of its standard streams."""
    settings: Mapping[str, str] = field(default_factory=dict)
    """Environment variables beside its own."""

    async def __call__(self, *arguments: str, given: bytes = b"") -> Ended:
        """Run it to its end."""
        return await asyncio.to_thread(_forked, (*self.group, *arguments), self, given)


def environment(home: Path, **settings: str) -> dict[str, str]:
    """What the command's process gets."""
    # The SDK's own settings are left out: the command finds the system by its home.
    own = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}  # noqa: TID251
    return own | {"MENSAGERIA_HOME": str(home)} | settings


def mensageria(home: Path, *arguments: str, given: bytes = b"", cwd: Path = Path("/")) -> Ended:
    """Run it to its end."""
    run = subprocess.run(
        [COMMAND, *arguments], env=environment(home), cwd=cwd, input=given, capture_output=True, timeout=END_S
    )
    return Ended(run.returncode, run.stdout.decode(), run.stderr.decode())


def interrupted_after(
    home: Path, lines: int, *arguments: str, until_then: Callable[[], object] = lambda: None
) -> Ended:
    """Run it and press Ctrl-C once it has written so many lines, and `until_then` has returned."""
    with subprocess.Popen(
        [COMMAND, *arguments], env=environment(home), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        seen = [process.stdout.readline() for _ in range(lines)]
        until_then()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=END_S)
    return Ended(process.returncode, "".join(seen) + out, err)


def _forked(arguments: Sequence[str], tool: Tool, given: bytes) -> Ended:
    """Run it in a process that has everything imported: to import it takes longer than most commands."""
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / name for name in ("in", "out", "err")]
        files[0].write_bytes(given)
        told = (arguments, environment(tool.home, **tool.settings), files, tool.encoding)
        process = _FORKS.Process(target=_be_the_command, args=told)
        process.start()
        process.join(END_S)
        if process.exitcode is None:
            process.kill()
            raise TimeoutError(f"mensageria {arguments} does not end")
        out, err = (file.read_text(tool.encoding) for file in files[1:])
        return Ended(process.exitcode, out, err)


def _be_the_command(
    arguments: Sequence[str], variables: Mapping[str, str], files: Sequence[Path], encoding: str
) -> None:
    """What `python -m cli` does."""
    os.environ.clear()  # noqa: TID251 - the command's own, and nothing of the tests'
    os.environ.update(variables)  # noqa: TID251
    os.chdir("/")
    for number, file in enumerate(files):
        os.dup2(os.open(file, os.O_RDWR | os.O_CREAT, 0o600), number)
    sys.stdin, sys.stdout, sys.stderr = (
        os.fdopen(number, mode, encoding=encoding) for number, mode in enumerate(("r", "w", "w"))
    )
    from cli.app import app
    from cli.output import write_anywhere

    write_anywhere()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    app(list(arguments), prog_name="mensageria")
