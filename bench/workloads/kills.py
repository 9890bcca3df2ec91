"""W8: a part is killed under load; how long until the backlog shrinks."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from bench.rigs import steady_sender, system_rig, waiting
from bench.rigs.steady_sender import SteadySender
from bench.rigs.system_rig import SystemRig
from bench.rigs.waiting import Waiting
from bench.workload import Durations, Figure, MeasureCase, Target, Workload
from stack.probes import answers

_SHRINKS = Figure("shrinks_s", "s until the backlog shrinks", 1)
_GONE = Figure("gone_s", "s until it is as before", 1)
_MOST = Figure("most_behind", "most events behind")
_PARTS = ("gateway", "service-b", "service-c", "kafka", "postgres", "dynamodb")
_SERVICES = ("gateway", "service_b", "service_c")
_SHARE = 0.5
_BEFORE_S, _LONGEST_S = 3.0, 60.0
_POLL_S = 0.2
_LITTLE = 1.25
"""What is usual is so many times the most that was behind before the kill."""


@asynccontextmanager
async def _start(durations: Durations) -> AsyncGenerator[MeasureCase, None]:
    async with system_rig.started("disk") as rig:
        rate_per_s = _SHARE * (await rig.saturated(durations)).per_s

        async def measure(part: str) -> dict[str, float]:
            before = await rig.at_rest()
            async with (
                waiting.watched(rig.system) as watched,
                steady_sender.sending(rig.system.endpoints["gateway"], rate_per_s) as sender,
            ):
                figures = await _killed(rig, part, watched, sender)
            await rig.all_stored(before, sender.due)
            return figures

        yield measure


async def _killed(rig: SystemRig, part: str, watched: Waiting, sender: SteadySender) -> dict[str, float]:
    """Kill `part` and watch the backlog grow, shrink and go, for `_LONGEST_S` at most."""
    usual = _LITTLE * await _most(watched, sender)
    pid = rig.system.pid(part)
    os.kill(pid, signal.SIGKILL)
    killed = time.monotonic()
    most, most_at, is_back, passed_s = 0, killed, False, 0.0
    while passed_s < _LONGEST_S:
        await asyncio.sleep(_POLL_S)
        behind, now = (await watched.backlog(sender)).events, time.monotonic()
        passed_s = now - killed
        if behind > most:
            most, most_at = behind, now
        is_back = is_back or (rig.system.pid(part) != pid and await _all_are_ready(rig))
        if is_back and behind <= usual:
            break
    shrinks_s = most_at - killed if most > usual else 0.0
    return {_SHRINKS.name: shrinks_s, _GONE.name: min(passed_s, _LONGEST_S), _MOST.name: most}


async def _all_are_ready(rig: SystemRig) -> bool:
    """Whether each service has all that it needs."""
    probes = [answers(f"{rig.system.endpoints[service]}/readyz") for service in _SERVICES]
    return all([await probe() for probe in probes])


async def _most(watched: Waiting, sender: SteadySender) -> int:
    """The largest backlog that is seen for a while."""
    until, most = time.monotonic() + _BEFORE_S, 0
    while time.monotonic() < until:
        most = max(most, (await watched.backlog(sender)).events)
        await asyncio.sleep(_POLL_S)
    return most


WORKLOAD = Workload(
    name="W8",
    title="A SIGKILL of each part but the emulator, under half of the load that `make run` takes",
    explanation=(
        "DynamoDB's stand-in is on disk."
        " Events are due at an even rate, and each is sent until it has its 202. The backlog"
        " is what was due and has no 202 yet, or waits in a queue, or is not committed to Kafka (each second); it"
        " shrinks from the moment at which it is largest after the kill, and 0 means that it never grew beyond what is"
        " usual. It is watched until the part is back and every service is ready, for a minute at most: 60 says that it"
        " was not yet as before. A run counts only if every event is stored in the end, by every way and once."
    ),
    cases=_PARTS,
    figures=(_SHRINKS, _GONE, _MOST),
    plotted=_SHRINKS,
    targets=tuple(Target(case=part, figure=_SHRINKS, at_most=10) for part in _PARTS),
    start=_start,
)
