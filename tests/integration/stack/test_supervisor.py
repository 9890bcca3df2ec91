"""The supervisor with small real programs as its parts."""

import asyncio
import errno
import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pipeline.core.settings import inherited
from stack.errors import PartFailed, StackError
from stack.home import Home
from stack.part import Part
from stack.supervisor import MOST_FAILURES, Supervisor
from tests.support.processes import is_alive, naming
from tests.support.waiting import until

# Says that it is up by a file; ends in order at SIGTERM.
PROGRAM = """
import pathlib, signal, sys
pathlib.Path(sys.argv[1]).touch()
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
print("up", flush=True)
while True:
    signal.pause()
"""
STUBBORN = PROGRAM.replace("lambda *_: sys.exit(0)", "signal.SIG_IGN")
BROKEN = "import sys; sys.exit('the disk is on fire')"


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    yield Home(tmp_path)
    assert naming(str(tmp_path)) == []


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def supervisor(home: Home, said: list[str]) -> Supervisor:
    return Supervisor(home, said.append)


def part(home: Home, name: str, program: str = PROGRAM, *, deadline_s: float = 10, stop_timeout_s: float = 5) -> Part:
    up = home.folder("up") / name

    async def probe() -> bool:
        return up.exists()

    async def prepare() -> None:
        up.unlink(missing_ok=True)

    return Part(
        name=name,
        command=(sys.executable, "-c", program, str(up)),
        environment=inherited(),
        probe=probe,
        prepare=prepare,
        deadline_s=deadline_s,
        stop_timeout_s=stop_timeout_s,
    )


async def hold(supervisor: Supervisor, *stages: tuple[Part, ...]) -> None:
    async with supervisor:
        for parts in stages:
            await supervisor.start(*parts)


def pid(home: Home, name: str) -> int:
    return int(home.pid(name).read_text())


async def kill_and_wait(home: Home, said: list[str], name: str, number: signal.Signals) -> None:
    """Kill a part and wait until the supervisor has it again."""
    back = f"{name}: ready again"
    times = said.count(back)
    os.kill(pid(home, name), number)

    async def is_back() -> bool:
        return said.count(back) > times

    await until(is_back, within_s=2, every_s=0.02)


async def test_starts_and_stops(home: Home, supervisor: Supervisor) -> None:
    async with supervisor:
        await supervisor.start(part(home, "one"), part(home, "two"))
        assert is_alive(pid(home, "one"))
        assert is_alive(pid(home, "two"))
    assert list(home.folder("run").iterdir()) == []
    assert home.log("one").read_text() == "up\n"


async def test_stops_the_last_started_first(home: Home, supervisor: Supervisor, said: list[str]) -> None:
    async with supervisor:
        await supervisor.start(part(home, "server"))
        await supervisor.start(part(home, "service"))
    stopped = [line.split(":")[0] for line in said if "stopped" in line]
    assert stopped == ["service", "server"]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
async def test_starts_a_part_again_within_2_s(
    home: Home, supervisor: Supervisor, said: list[str], number: signal.Signals
) -> None:
    async with supervisor:
        await supervisor.start(part(home, "one"))
        for _ in range(MOST_FAILURES + 1):  # it became ready each time: no failure in a row
            await kill_and_wait(home, said, "one", number)


async def test_gives_up_after_five_failures_in_a_row(home: Home, supervisor: Supervisor, said: list[str]) -> None:
    once = f"import os, sys\nif os.path.exists(sys.argv[1] + '.again'): {BROKEN}\n{PROGRAM}"
    again = home.folder("up") / "one.again"

    async def break_it() -> None:
        async with supervisor:
            await supervisor.start(part(home, "other"), part(home, "one", once))
            again.touch()
            os.kill(pid(home, "one"), signal.SIGKILL)
            await asyncio.Event().wait()

    with pytest.raises(ExceptionGroup) as failures:
        await break_it()
    (failure,) = failures.value.exceptions
    assert isinstance(failure, PartFailed)
    assert "one failed 5 times in a row without becoming ready" in str(failure)
    assert "the disk is on fire" in str(failure)
    assert home.log("one").read_text().count("the disk is on fire") == MOST_FAILURES
    assert any("other: stopped" in line for line in said)


async def test_a_part_whose_disk_is_full_is_started_again_when_there_is_room(
    home: Home, supervisor: Supervisor, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk ends a server at each start: five tries are over in seconds, and the disk may be full for longer."""
    full = home.folder("up") / "one.full"
    server = f"import os, sys\nif os.path.exists(sys.argv[1] + '.full'): {BROKEN}\n{PROGRAM}"
    async with supervisor:
        await supervisor.start(replace(part(home, "one", server), data=home.path))
        full.touch()
        monkeypatch.setattr("stack.supervisor.LEAST_ROOM_BYTES", 2**62)
        os.kill(pid(home, "one"), signal.SIGKILL)

        async def waits() -> bool:
            return any("one: waiting for" in line for line in said)

        await until(waits, within_s=5)
        assert home.log("one").read_text().count("the disk is on fire") == 1
        monkeypatch.setattr("stack.supervisor.LEAST_ROOM_BYTES", 0)
        full.unlink()

        async def is_back() -> bool:
            return "one: ready again" in said

        await until(is_back, within_s=5)


async def test_a_part_whose_process_id_could_not_be_kept_does_not_run_on(
    home: Home, supervisor: Supervisor, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def write(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    async with supervisor:
        await supervisor.start(replace(part(home, "one"), data=home.path))
        monkeypatch.setattr("stack.supervisor.write_private", write)
        monkeypatch.setattr("stack.supervisor.LEAST_ROOM_BYTES", 2**62)
        os.kill(pid(home, "one"), signal.SIGKILL)

        async def nothing_runs() -> bool:
            return any("one: waiting for" in line for line in said) and naming(str(home.path)) == []

        await until(nothing_runs, within_s=5)


async def test_a_part_that_cannot_be_prepared_says_why(home: Home, supervisor: Supervisor) -> None:
    async def prepare() -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(ExceptionGroup) as failures:
        await hold(supervisor, (replace(part(home, "one"), prepare=prepare),))
    assert failures.group_contains(PartFailed, match="one could not be started .*No space left on device")


async def test_a_part_that_ends_at_its_first_start_stops_all(home: Home, supervisor: Supervisor) -> None:
    with pytest.raises(ExceptionGroup) as failures:
        await hold(supervisor, (part(home, "other"),), (part(home, "one", BROKEN),))
    assert failures.group_contains(
        PartFailed, match="one ended before it was ready .exit code 1.(.|\n)*disk is on fire"
    )


async def test_a_part_that_is_never_ready_stops_all(home: Home, supervisor: Supervisor) -> None:
    with pytest.raises(ExceptionGroup) as failures:
        await hold(supervisor, (part(home, "one", "import signal; signal.pause()", deadline_s=0.5),))
    assert failures.group_contains(PartFailed, match="one was not ready in 0.5 s")


async def test_a_missing_program_is_one_clear_message(home: Home, supervisor: Supervisor) -> None:
    missing = Part(name="one", command=("/no/such/program",), environment={}, probe=part(home, "one").probe)
    with pytest.raises(ExceptionGroup) as failures:
        await hold(supervisor, (missing,))
    assert failures.group_contains(StackError, match="/no/such/program is missing")


async def test_kills_a_part_that_ignores_the_signal(home: Home, supervisor: Supervisor) -> None:
    async with supervisor:
        await supervisor.start(part(home, "one", STUBBORN, stop_timeout_s=0.3))
        begun = time.monotonic()
    assert time.monotonic() - begun < 3


async def test_kills_what_a_part_has_left(home: Home, supervisor: Supervisor, said: list[str]) -> None:
    left = f"{home.path}/left"
    leaves = f"import subprocess; subprocess.Popen(['tail', '-f', '/dev/null', '{left}'])\n{PROGRAM}"
    home.path.joinpath("left").touch()
    async with supervisor:
        await supervisor.start(part(home, "one", leaves))
        await kill_and_wait(home, said, "one", signal.SIGKILL)
        assert len([command for command in naming(left) if command.startswith("tail")]) == 1
    assert naming(left) == []


def test_leaves_nothing_when_it_is_killed(home: Home) -> None:
    """Also what ignores every signal but SIGKILL."""
    driver = f"""
import asyncio, pathlib
from stack.home import Home
from stack.supervisor import Supervisor
from tests.integration.stack.test_supervisor import STUBBORN, part
async def main():
    home = Home(pathlib.Path({str(home.path)!r}))
    async with Supervisor(home, print) as supervisor:
        await supervisor.start(part(home, "one", STUBBORN), part(home, "two"))
        print("all is ready", flush=True)
        await asyncio.Event().wait()
asyncio.run(main())
"""
    with subprocess.Popen([sys.executable, "-c", driver], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        while "all is ready" not in process.stdout.readline():
            assert process.poll() is None
        process.kill()

    async def nothing() -> bool:
        return not is_alive(pid(home, "one")) and not is_alive(pid(home, "two"))

    asyncio.run(until(nothing, within_s=2))


async def test_ends_what_an_earlier_supervisor_left(home: Home, supervisor: Supervisor, said: list[str]) -> None:
    """As on a system where a part outlives its supervisor."""
    with home.log("one").open("ab") as log:
        fcntl.flock(log, fcntl.LOCK_EX)
        left = await asyncio.create_subprocess_exec("sleep", "1000", stdout=log, start_new_session=True)
    home.pid("one").write_text(str(left.pid))
    async with supervisor:
        await supervisor.start(part(home, "one"))
        assert await left.wait() == -signal.SIGKILL
    assert "one: ended what an earlier system had left" in said
