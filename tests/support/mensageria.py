"""The command `mensageria`, run as a person runs it."""

import asyncio
import json
import os
import signal
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

COMMAND = Path(__file__).resolve().parents[2] / "bin" / "mensageria"
END_S = 100


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

    async def __call__(self, *arguments: str, given: bytes = b"") -> Ended:
        """Run it to its end."""
        return await asyncio.to_thread(mensageria, self.home, *self.group, *arguments, given=given)


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
