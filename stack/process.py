"""One operating system process of a part, and all that it leaves behind.

A part's process leads a session of its own, so that a terminal's Ctrl-C reaches the
supervisor alone, and it dies with the supervisor (Linux). Its output goes to its log,
on which it holds a lock for as long as it or a descendant lives: so the next start
knows, on every system, whether a part of a killed supervisor is still there.
"""

import asyncio
import ctypes
import fcntl
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import IO

from stack.errors import StackError

_LOG_BYTES = 20 * 1024**2
_POLL_S = 0.05
_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


async def spawn(
    command: tuple[str, ...], environment: Mapping[str, str], log: Path, cwd: Path
) -> asyncio.subprocess.Process:
    """Start `command` with its output appended to `log`.

    Raises StackError where the program is missing, or where what ran before on this log is still there.
    """
    output = await _locked(log)
    try:
        return await asyncio.create_subprocess_exec(
            *command,
            env=environment,
            cwd=cwd,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            preexec_fn=ending_with_parent(signal.SIGKILL),
        )
    except FileNotFoundError:
        raise StackError(f"{command[0]} is missing: `make install` installs what is locked") from None
    finally:
        output.close()


def ending_with_parent(number: signal.Signals) -> Callable[[], None]:
    """What a child is to call before its program starts: it gets `number` when this process ends (Linux)."""
    parent = os.getpid()

    def arrange() -> None:
        if _libc is not None:
            _libc.prctl(_PR_SET_PDEATHSIG, number)
            if os.getppid() != parent:
                os._exit(1)

    return arrange


async def run(
    command: tuple[str, ...], environment: Mapping[str, str], log: Path, cwd: Path, *, deadline_s: float
) -> int:
    """Run `command` to its end; its exit status. Raises TimeoutError, with the process gone, after `deadline_s`."""
    process = await spawn(command, environment, log, cwd)
    try:
        async with asyncio.timeout(deadline_s):
            return await process.wait()
    finally:
        kill_group(process.pid)
        await process.wait()


async def stop(process: asyncio.subprocess.Process, stop_signal: signal.Signals, timeout_s: float) -> None:
    """Ask `process` to end, wait up to `timeout_s`, then kill whatever is left of its group."""
    if process.returncode is None:
        process.send_signal(stop_signal)
        await asyncio.wait([asyncio.ensure_future(process.wait())], timeout=timeout_s)
    kill_group(process.pid)
    await process.wait()


def kill_group(pid: int) -> None:
    """Kill what is left of the process group that `pid` leads or led."""
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


async def end_leftover(log: Path, pid_file: Path) -> bool:
    """End what a killed supervisor left of a part; whether there was something."""
    pid = _leftover(log, pid_file)
    if pid is None:
        return False
    kill_group(pid)
    (await _locked(log)).close()
    return True


def _leftover(log: Path, pid_file: Path) -> int | None:
    """The process group that still holds the log's lock.

    Some process of it lives, so that its number can't have been given to another one.
    """
    if not log.exists() or not pid_file.exists():
        return None
    with log.open("ab") as output:
        return None if _try_lock(output) else int(pid_file.read_text())


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Wait until `condition` answers true; the caller sets the deadline."""
    while not await condition():  # noqa: ASYNC110 - what it waits for is in another process
        await asyncio.sleep(_POLL_S)


async def _locked(log: Path, timeout_s: float = 5.0) -> IO[bytes]:
    output = _open(log)

    async def is_locked() -> bool:
        return _try_lock(output)

    try:
        async with asyncio.timeout(timeout_s):
            await until(is_locked)
    except TimeoutError:
        output.close()
        raise StackError(f"another process writes to {log}: end it first") from None
    except asyncio.CancelledError:
        output.close()
        raise
    return output


def _open(log: Path) -> IO[bytes]:
    """The log, to append to; a long one is put aside first."""
    if log.exists() and log.stat().st_size > _LOG_BYTES:
        log.replace(log.with_name(log.name + ".1"))
    return log.open("ab")


def _try_lock(file: IO[bytes]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
