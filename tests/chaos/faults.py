"""What the faults of a schedule do to the system."""

import asyncio
import os
import signal
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, contextmanager, suppress
from typing import Any

import psycopg2
from psycopg2 import sql

from infra import database_roles
from tests.chaos import clock
from tests.chaos.foreign import WHAT, ForeignRecords
from tests.chaos.rig import BROKERS, SERVICES, Rig
from tests.chaos.schedule import Fault
from tests.chaos.workers import beside
from tests.support.processes import is_alive
from tests.support.proxies.aws import AWS_FAULTS, AwsProxy
from tests.support.proxies.wire import WIRE_FAULTS
from tests.support.waiting import until

STOP_S = 10
"""The contract's bound of a stop."""
CLOCK_S = 300
"""How far a clock jumps, forth and back."""
_REFUSED_SHARE = 0.6
"""Of the calls: AWS refuses some, where a network that is broken takes none."""
SLOW_ITEMS_PER_S = (10, 50)
"""Of a store that is slow: first the one, then the other."""
_ROW_BYTES = 1024
"""About what a row takes on its way to PostgreSQL."""
_STOP_SIGNALS = {"postgres": signal.SIGINT}
OUTAGE = " outage"
Do = Callable[[Rig, Fault], Awaitable[None]]


async def strike(rig: Rig, faults: Sequence[Fault], begun: float, foreign: ForeignRecords) -> list[str]:
    """Do each at its time; `begun` is the load's begin by the monotonic clock.

    Returns when all have ended, with those after which a service did not stop or come back in time.
    """
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(_at_its_time(rig, fault, begun, foreign)) for fault in faults]
    return [late for task in tasks if (late := task.result())]


async def is_gone(pid: int) -> bool:
    """Whether `pid` has ended."""
    return not is_alive(pid)


@contextmanager
def broken_link(rig: Rig, name: str, what: Any) -> Iterator[None]:
    """Break a link for as long as the block runs."""
    link = rig.links[name]
    if isinstance(link, AwsProxy) and what not in WIRE_FAULTS:
        link.break_as(what, share=_REFUSED_SHARE)
    else:
        link.break_as(what)
    try:
        yield
    finally:
        link.break_as(None)


async def _at_its_time(rig: Rig, fault: Fault, begun: float, foreign: ForeignRecords) -> str | None:
    await asyncio.sleep(max(0.0, begun + fault.at_s - time.monotonic()))
    try:
        await (foreign.write(fault) if fault.what == WHAT else DO[fault.what](rig, fault))
    except TimeoutError:
        return str(fault)
    return None


async def _kill(rig: Rig, fault: Fault) -> None:
    await _signalled(rig, fault.target, signal.SIGKILL)


async def _kill_thrice(rig: Rig, fault: Fault) -> None:
    for _ in range(3):
        pid = await _signalled(rig, fault.target, signal.SIGKILL)
        await until(lambda pid=pid: _has_another(rig, fault.target, pid), within_s=30)  # type: ignore[misc]
        await asyncio.sleep(fault.for_s / 3)  # it starts, or works for a while


async def _restart(rig: Rig, fault: Fault) -> None:
    pid = await _signalled(rig, fault.target, _STOP_SIGNALS.get(fault.target, signal.SIGTERM))
    if fault.target in SERVICES:
        await until(lambda: is_gone(pid), within_s=STOP_S)


async def _signalled(rig: Rig, part: str, number: signal.Signals) -> int:
    """Send a signal to the main process of `part` once there is one; its id."""
    await until(lambda: _is_there(rig, part), within_s=30)
    pid = rig.pid(part)
    os.kill(pid, number)
    return pid


async def _pause(rig: Rig, fault: Fault) -> None:
    await until(lambda: _is_there(rig, fault.target), within_s=30)
    processes = rig.processes(fault.target)
    _signal_all(processes, signal.SIGSTOP)
    try:
        await asyncio.sleep(fault.for_s)
    finally:
        _signal_all(processes, signal.SIGCONT)


async def _break_link(rig: Rig, fault: Fault) -> None:
    with broken_link(rig, fault.target, fault.what):
        await asyncio.sleep(fault.for_s)


async def _outage(rig: Rig, fault: Fault) -> None:
    """A broker is out for whoever publishes to it."""
    links = [rig.links[name] for name in BROKERS[fault.target]]
    what: Any = fault.what.removesuffix(OUTAGE)
    try:
        for link in links:
            link.break_as(what)
        await asyncio.sleep(fault.for_s)
    finally:
        for link in links:
            link.break_as(None)


async def _slow(rig: Rig, fault: Fault) -> None:
    """A store takes a few items a second."""
    link = rig.links[fault.target]
    units = 1 if isinstance(link, AwsProxy) else _ROW_BYTES
    try:
        for items_per_s in SLOW_ITEMS_PER_S:
            link.pace.change(items_per_s * units)
            await asyncio.sleep(fault.for_s / len(SLOW_ITEMS_PER_S))
    finally:
        link.pace.change(None)


async def _storm(rig: Rig, fault: Fault) -> None:
    """Other workers come and go: one is stopped in order, the next is killed."""
    end = time.monotonic() + fault.for_s
    number = 0
    async with AsyncExitStack() as last:
        while time.monotonic() < end:
            name = f"{fault.target}-storm-{fault.at_s:.0f}-{number % 2}"
            one = await last.enter_async_context(beside(rig, fault.target, name))
            await asyncio.sleep(1)  # they share the work for a while
            if number % 2 == 0 and await one.stop() > STOP_S:
                raise TimeoutError
            await last.aclose()
            number += 1


async def _fill(rig: Rig, fault: Fault) -> None:
    disk = rig.disks[fault.target]
    disk.fill()
    try:
        await asyncio.sleep(fault.for_s)
    finally:
        disk.empty()


async def _lock_out(rig: Rig, fault: Fault) -> None:
    """B's password is wrong for a while."""
    await asyncio.to_thread(_change_password, rig, "another")
    try:
        await asyncio.sleep(fault.for_s)
    finally:
        await asyncio.to_thread(_change_password, rig, rig.home.secret("postgres-service-b"))


async def _jump(rig: Rig, fault: Fault) -> None:
    """The clock jumps forth, then as far back behind the true one, then to that."""
    for seconds in (CLOCK_S, -CLOCK_S):
        clock.shift(rig.clock(fault.target), seconds)
        await asyncio.sleep(fault.for_s / 2)
    clock.shift(rig.clock(fault.target), 0)


@contextmanager
def _as_owner(rig: Rig) -> Iterator[Any]:
    """A session of the database's owner, which commits each statement."""
    connection = psycopg2.connect(rig.endpoints["postgres"], connect_timeout=10)
    connection.autocommit = True
    try:
        with connection.cursor() as cursor:
            yield cursor
    finally:
        connection.close()


def _change_password(rig: Rig, then: str) -> None:
    """Give B's role another password; its sessions end."""
    with _as_owner(rig) as cursor:
        role, literal = sql.Identifier(database_roles.SERVICE_B), sql.Literal(then)
        cursor.execute(sql.SQL("alter role {} password {}").format(role, literal))
        cursor.execute("select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'service-b'")


async def _has_another(rig: Rig, part: str, pid: int) -> bool:
    return rig.pid(part) != pid


async def _is_there(rig: Rig, part: str) -> bool:
    return is_alive(rig.pid(part))


def _signal_all(processes: list[int], number: signal.Signals) -> None:
    for pid in processes:
        with suppress(ProcessLookupError):  # it ended meanwhile
            os.kill(pid, number)


DO: Mapping[str, Do] = {
    "kill": _kill,
    "kill thrice": _kill_thrice,
    "pause": _pause,
    "slow": _slow,
    "restart": _restart,
    "storm": _storm,
    "fill": _fill,
    "password": _lock_out,
    "clock": _jump,
    **dict.fromkeys((f"{fault}{OUTAGE}" for fault in ("error", *WIRE_FAULTS)), _outage),
} | dict.fromkeys(AWS_FAULTS, _break_link)
