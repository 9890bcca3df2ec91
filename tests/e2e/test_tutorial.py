"""docs/tutorial.md does what it says: each command is run, and its output is the one that is shown."""

import asyncio
import os
import re
import shlex
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.mensageria import Tool
from tests.support.running_system import ROOT, System
from tests.support.waiting import until

_BLOCK = re.compile(r"```(sh|text)\n(.*?)```", re.DOTALL)
_QUESTIONS = re.compile(r"bin/mensageria (trace|status|get|dead-letters list)\b")
"""Commands that change nothing: they are repeated until they show what the page shows."""


def steps(page: str) -> list[tuple[str, list[str]]]:
    """Each command of `page` with the lines that it must print, in this order."""
    found: list[tuple[str, list[str]]] = []
    for kind, text in _BLOCK.findall(Path(page).read_text()):
        if kind == "sh":
            found.append((text.strip(), []))
        else:
            found[-1][1].extend(text.strip().splitlines())
    return found


def shows(output: str, lines: list[str]) -> bool:
    """Whether `output` has `lines` in this order; a word with a digit in it stands for any word."""
    pattern = r"[^\n]*\n(?:.*\n)?".join(r"\s+".join(map(_word, line.split())) for line in lines)
    return re.search(pattern, output, re.DOTALL) is not None


def _word(word: str) -> str:
    return r"\S+" if re.search(r"\d", word) and not word.startswith(("lesson-", "HTTP/")) else re.escape(word)


@pytest.fixture
def shell(system: System) -> Iterator["Shell"]:
    """A shell in the project's folder, as the reader of the page has it; it leaves no store suspended."""
    yield Shell(system)
    os.kill(system.pid("dynamodb"), signal.SIGCONT)


class Shell:
    """Runs the page's commands on a system with other ports and another home."""

    def __init__(self, system: System) -> None:
        self._system = system

    async def run(self, command: str) -> str:
        """What `command` prints, whatever its exit code."""
        here = command.replace("http://127.0.0.1:8000", self._system.endpoints["gateway"])
        here = here.replace(".local/", f"{self._system.home}/")
        environment = os.environ | {"MENSAGERIA_HOME": str(self._system.home)}  # noqa: TID251 - what a shell gives it
        ended = await asyncio.to_thread(
            subprocess.run, ["bash", "-c", here], capture_output=True, text=True, timeout=60, cwd=ROOT, env=environment
        )
        return ended.stdout + ended.stderr

    async def see(self, command: str, lines: list[str]) -> None:
        """Run `command` until it prints `lines`: once, where it changes something."""
        seen = ""

        async def is_so() -> bool:
            nonlocal seen
            ended = await Tool(self._system.home)(*shlex.split(command)[1:])
            seen = ended.out + ended.err
            return shows(seen, lines)

        async def as_shown() -> bool:
            nonlocal seen
            seen = await self.run(command)
            return shows(seen, lines)

        if await as_shown():
            return
        assert _QUESTIONS.match(command), f"{command}\nprinted\n{seen}"
        try:
            await until(is_so, within_s=60)  # by looks that cost less than a shell and a command
            await until(as_shown, within_s=60)
        except TimeoutError:
            raise AssertionError(f"{command}\nprinted\n{seen}") from None


@pytest.mark.timeout(300)
async def test_the_tutorial_is_true(shell: Shell) -> None:
    for command, lines in steps("docs/tutorial.md"):
        await shell.see(command, lines)


def test_a_page_that_shows_something_else_is_noticed() -> None:
    assert shows("took it at 2026-11-30\n  x\ncomplete\n", ["took it at 1999", "complete"])
    assert not shows("took it at 2026-11-30\nnot complete\n", ["took it at 1999", "service C"])
    assert not shows("id lesson-1\n", ["id lesson-2"])
