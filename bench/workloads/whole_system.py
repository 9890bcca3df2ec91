"""W5, W5D and W7: what goes through the whole system, and how long it takes an event to be stored by every way."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Literal, NamedTuple

from bench.errors import DoesNotCount
from bench.rigs import builds, system, system_rig
from bench.rigs.builds import Build
from bench.rigs.system_rig import SystemRig, Through
from bench.workload import Durations, Figure, MeasureCase, Start, Target, Workload

LATENCY_PER_S = 140
"""The rate at which latency is measured: the same on each machine, and well below what the system takes."""
_RATE = Figure("events_per_s", "events/s")
_PER_THOUSAND = Figure("s_per_thousand", "s for 1,000 events", 3)
_CPU = Figure("cpu_us", "all parts, CPU µs/event")
_P50 = Figure("p50_ms", f"publish → stored by every way at {LATENCY_PER_S}/s: p50, ms")
_P99 = Figure("p99_ms", "p99, ms")
_CLEAN, _MIXED = "all new", "10 % duplicates, 1 % poison"


class _Case(NamedTuple):
    build: Build
    dynamodb: Literal["memory", "disk"]


def _through(cases: Mapping[str, _Case], *, latency_of: str = "") -> Start:
    """Each run has a system of its own, so that the machine has one at a time."""

    @asynccontextmanager
    async def start(durations: Durations) -> AsyncGenerator[MeasureCase, None]:
        async def measure(case: str) -> dict[str, float]:
            build, dynamodb = cases[case]
            async with system_rig.started(dynamodb, build) as rig:
                await rig.saturated(durations)  # warms up Kafka's and dynalite's compilers
                figures = _figures(await rig.saturated(durations))
                return figures | (await _latency_ms(rig, durations) if case == latency_of else {})

        yield measure

    return start


def _figures(through: Through) -> dict[str, float]:
    used = through.cpu_us
    return {
        _RATE.name: through.per_s,
        _PER_THOUSAND.name: 1000 / through.per_s,
        _CPU.name: sum(cpu_us for part, cpu_us in used.items() if part != "load"),
    } | {f"{part}_us": cpu_us for part, cpu_us in used.items()}


async def _latency_ms(rig: SystemRig, durations: Durations) -> dict[str, float]:
    return await rig.latency_ms(durations, LATENCY_PER_S)


@asynccontextmanager
async def _start_mixed(durations: Durations) -> AsyncGenerator[MeasureCase, None]:
    async with system_rig.started("memory") as rig:
        clean_per_s = 0.0

        async def measure(case: str) -> dict[str, float]:
            nonlocal clean_per_s
            if case == _CLEAN:
                through = await rig.saturated(durations)
                clean_per_s = through.per_s
            elif clean_per_s:
                through = await rig.saturated_with_mixture(durations, clean_per_s)
            else:
                raise DoesNotCount("no clean run before it: how much poison is one percent?")
            return {_RATE.name: through.per_s, _PER_THOUSAND.name: 1000 / through.per_s}

        yield measure


_PARTS = {"aws": "emulator"} | {name: name for name in system.PARTS if name != "aws"} | {"load": "load"}
_FIGURES = (
    *(_CPU, _RATE, _PER_THOUSAND, _P50, _P99, Figure("longest_ms", "longest, ms")),
    *(Figure(f"{part}_us", f"{heading}, CPU µs/event") for part, heading in _PARTS.items()),
)
_OURS, _NAIVE, _EARLIER = builds.THIS.name, builds.NAIVE_WHOLE.name, builds.EARLIER.name
_IN_MEMORY = f"{_OURS}, table in memory"
_ALL_IN_MEMORY = {name: _Case(build, "memory") for name, build in builds.ALL.items()}
_AGAINST = (
    Target(case=_OURS, figure=_CPU, at_most=0.4, stretch=0.3, reference=_NAIVE),
    Target(case=_OURS, figure=_PER_THOUSAND, at_most=0.4, reference=_NAIVE),
    Target(case=_OURS, figure=_CPU, at_most=0.65, reference=_EARLIER),
    Target(case=_OURS, figure=_PER_THOUSAND, at_most=0.714, reference=_EARLIER),
)
IN_MEMORY = Workload(
    name="W5",
    title="The whole system on the emulator, DynamoDB's stand-in in memory",
    explanation=(
        "64 connections send as fast as they are answered; events/s, and each part's CPU, count from the first request"
        " until every event is a row and, by each way, an item. Load, emulator, servers and services share all cores."
        f" Then an open loop of {LATENCY_PER_S} events a second, and beside it ten probes a second, each"
        " looked for in both stores until it is there by all three ways. `naive` is the naive gateway, B and C on the"
        f" same servers; `{_EARLIER}` is the whole system of that commit, the first with dynalite, but for the"
        " emulator: what it already does to ministack (an index of its queues, uvicorn in place of hypercorn) is"
        " undone, as it is part of what is compared."
        " Each run starts its system, and a first load, which is not measured, warms it up."
        " Of a thousand events, 0.4 of the time is 2.5 times the events/s, and 0.714 is 1.4 times."
    ),
    cases=tuple(builds.ALL),
    figures=_FIGURES,
    plotted=_RATE,
    references={_OURS: _NAIVE, _EARLIER: _NAIVE},
    targets=(
        *_AGAINST,
        Target(case=_OURS, figure=_P99, at_most=250, stretch=100),
        Target(case=_OURS, figure=_P50, at_most=60),
    ),
    start=_through(_ALL_IN_MEMORY, latency_of=_OURS),
)
IN_SHORT = replace(IN_MEMORY, start=_through(_ALL_IN_MEMORY))
"""What it costs alone."""
ON_DISK = Workload(
    name="W5D",
    title="The whole system as `make run` starts it, DynamoDB's stand-in on disk",
    explanation=(
        f"As W5, with the items in LevelDB on disk, and beside it `{_IN_MEMORY}`: 1.176 of its time is 0.85 of its"
        " events/s. 2.5 s for 1,000 events are 400 events/s."
    ),
    cases=(*builds.ALL, _IN_MEMORY),
    figures=_FIGURES,
    plotted=_RATE,
    references={_OURS: _NAIVE, _EARLIER: _NAIVE, _IN_MEMORY: _NAIVE},
    targets=(
        Target(case=_OURS, figure=_PER_THOUSAND, at_most=1.176, stretch=1.053, reference=_IN_MEMORY),
        Target(case=_OURS, figure=_PER_THOUSAND, at_most=2.5),
        *_AGAINST,
    ),
    start=_through(
        {name: _Case(build, "disk") for name, build in builds.ALL.items()} | {_IN_MEMORY: _Case(builds.THIS, "memory")},
        latency_of=_OURS,
    ),
)
MIXED = Workload(
    name="W7",
    title="The whole system with 10 % duplicates and 1 % poison, DynamoDB in memory",
    explanation=(
        "As W5, saturated. Every tenth request sends the event before it once more; poison goes past the gateway to the"
        " SNS topic and to Kafka, and a run counts only if each became a dead letter of B, of C's queue and of the"
        " topic. Messages are events, duplicates and poison."
    ),
    cases=(_CLEAN, _MIXED),
    figures=(_PER_THOUSAND, _RATE),
    plotted=_PER_THOUSAND,
    references={_MIXED: _CLEAN},
    targets=(Target(case=_MIXED, figure=_PER_THOUSAND, at_most=1.15, reference=_CLEAN),),
    start=_start_mixed,
)
