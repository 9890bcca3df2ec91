"""Starts parts, starts them again when they end, and stops them in order."""

import asyncio
import shutil
import time
from asyncio.subprocess import Process
from collections.abc import Callable
from pathlib import Path
from typing import Any

from stack import process
from stack.errors import PartFailed
from stack.home import ROOT, Home, write_private
from stack.part import Part

MOST_FAILURES = 5
"""Ends in a row, without having become ready, after which the system gives up on a part."""
_LONGEST_PAUSE_S = 1.0
LEAST_ROOM_BYTES = 64 * 2**20
"""Free space that a server needs to start: PostgreSQL makes files of 16 MiB, Kafka of 10."""


class Supervisor:
    """The parts that run, in the order in which they were started.

    `async with` it: inside the block, a part that can't be kept running raises PartFailed
    (in an exception group); on leaving it, whatever the reason, all parts are stopped.
    """

    def __init__(self, home: Home, say: Callable[[str], None]) -> None:
        self._home = home
        self._say = say
        self._keepers = asyncio.TaskGroup()
        self._keeping: list[asyncio.Task[None]] = []
        self._stages: list[tuple[Part, ...]] = []
        self._processes: dict[str, Process] = {}

    async def __aenter__(self) -> "Supervisor":
        await self._keepers.__aenter__()
        return self

    async def __aexit__(self, *error: Any) -> None:
        for keeper in self._keeping:
            keeper.cancel()
        try:
            await self._keepers.__aexit__(*error)
        finally:
            await self._stop_all()

    async def start(self, *parts: Part) -> None:
        """Start `parts` at once and return when all are ready.

        Raises PartFailed (in an exception group) for the first that ends or isn't ready in time.
        """
        self._stages.append(parts)
        async with asyncio.TaskGroup() as starting:
            for part in parts:
                starting.create_task(self._start_first(part))

    async def _stop_all(self) -> None:
        """Stop all parts, those that were started last first."""
        for stage in reversed(self._stages):
            await asyncio.gather(*(self._stop(part) for part in stage if part.name in self._processes))

    async def _start_first(self, part: Part) -> None:
        if await process.end_leftover(self._home.log(part.name), self._home.pid(part.name)):
            self._say(f"{part.name}: ended what an earlier system had left")
        self._say(f"{part.name}: starting")
        begun = time.monotonic()
        await self._start(part)
        self._say(f"{part.name}: ready in {time.monotonic() - begun:.1f} s")
        self._keeping.append(self._keepers.create_task(self._keep(part)))

    async def _keep(self, part: Part) -> None:
        while True:
            running = self._processes[part.name]
            status = await running.wait()
            self._say(f"{part.name}: ended by itself ({_status(status)}), starting it again")
            await self._start_again(part)
            self._say(f"{part.name}: ready again{'; ' if part.notice else ''}{part.notice}")

    async def _start_again(self, part: Part) -> None:
        for failures in range(1, MOST_FAILURES + 1):
            try:
                await self._start(part)
            except PartFailed as failed:
                if failures == MOST_FAILURES:
                    what = f"failed {failures} times in a row without becoming ready; the last time it {failed.what}"
                    raise PartFailed(part.name, what, self._home.log(part.name)) from failed
                self._say(f"{part.name}: {failed.what}, starting it again")
                await asyncio.sleep(min(0.1 * 2**failures, _LONGEST_PAUSE_S))  # spares the machine, awaits nothing
                await self._until_room(part)
            else:
                return

    async def _until_room(self, part: Part) -> None:
        """Wait as long as the part's disk is full: tries would be used up by it in seconds."""

        async def has_room() -> bool:
            return not (part.data and part.data.exists()) or shutil.disk_usage(part.data).free >= LEAST_ROOM_BYTES

        if not await has_room():
            self._say(f"{part.name}: waiting for {LEAST_ROOM_BYTES >> 20} MiB of free disk space in {part.data}")
            await process.until(has_room)

    async def _start(self, part: Part) -> None:
        """One start: returns when the part is ready; raises PartFailed, with nothing left of it."""
        log = self._home.log(part.name)
        self._kill(part)
        try:
            _renew(part.scratch)
            await part.prepare()
            running = self._processes[part.name] = await process.spawn(part.command, part.environment, log, ROOT)
            write_private(self._home.pid(part.name), f"{running.pid}\n")  # never seen half written
        except OSError as error:
            self._kill(part)
            raise PartFailed(part.name, f"could not be started ({error})", log) from error
        ended = asyncio.ensure_future(running.wait())
        ready = asyncio.ensure_future(_become_ready(part))
        try:
            await asyncio.wait([ended, ready], timeout=part.deadline_s, return_when=asyncio.FIRST_COMPLETED)
            if what := _failure(part, ended, ready):
                await process.stop(running, part.stop_signal, part.stop_timeout_s)
                raise PartFailed(part.name, what, log)
        finally:
            ended.cancel()
            ready.cancel()

    def _kill(self, part: Part) -> None:
        if part.name in self._processes:
            process.kill_group(self._processes[part.name].pid)

    async def _stop(self, part: Part) -> None:
        begun = time.monotonic()
        await process.stop(self._processes[part.name], part.stop_signal, part.stop_timeout_s)
        self._home.pid(part.name).unlink(missing_ok=True)
        _remove(part.scratch)
        self._say(f"{part.name}: stopped in {time.monotonic() - begun:.1f} s")


def _renew(scratch: Path | None) -> None:
    _remove(scratch)
    if scratch:
        scratch.mkdir(parents=True)


def _remove(scratch: Path | None) -> None:
    if scratch and scratch.exists():
        shutil.rmtree(scratch)


async def _become_ready(part: Part) -> None:
    await process.until(part.probe)
    await part.lay_out()


def _failure(part: Part, ended: "asyncio.Future[int]", ready: "asyncio.Future[None]") -> str | None:
    if ended.done():
        return f"ended before it was ready ({_status(ended.result())})"
    if not ready.done():
        return f"was not ready in {part.deadline_s:g} s"
    error = ready.exception()
    return f"could not be laid out: {error!r}" if error else None


def _status(status: int) -> str:
    return f"killed by signal {-status}" if status < 0 else f"exit code {status}"
