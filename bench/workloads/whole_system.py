"""W5, W5D and W7: what goes through the whole system, and how long it takes an event to be stored by every way."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Literal

from bench.errors import DoesNotCount
from bench.rigs import system, system_rig
from bench.workload import Durations, Figure, MeasureCase, Start, Target, Workload

_RATE = Figure("events_per_s", "events/s")
_PER_THOUSAND = Figure("s_per_thousand", "s for 1,000 events", 3)
_P99 = Figure("p99_ms", "publish → stored by every way at half load: p99, ms")
_MEMORY, _DISK = "DynamoDB in memory", "DynamoDB on disk"
_CLEAN, _MIXED = "all new", "10 % duplicates, 1 % poison"


def _through(dynamodb: Literal["memory", "disk"]) -> Start:
    @asynccontextmanager
    async def start(durations: Durations) -> AsyncGenerator[MeasureCase, None]:
        async with system_rig.started(dynamodb) as rig:

            async def measure(_: str) -> dict[str, float]:
                through = await rig.saturated(durations)
                latency = await rig.latency_ms(durations, through.per_s / 2)
                return {
                    _RATE.name: through.per_s,
                    _PER_THOUSAND.name: 1000 / through.per_s,
                    **through.cpu_us,
                    **latency,
                }

            yield measure

    return start


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


_PARTS = {"aws": "emulator"} | {name: name for name in system.PARTS if name not in ("aws", "web")} | {"load": "load"}
_FIGURES = (
    *(_RATE, Figure("p50_ms", "p50, ms"), _P99, Figure("longest_ms", "longest, ms"), _PER_THOUSAND),
    *(Figure(f"{part}_us", f"{heading}, CPU µs/event") for part, heading in _PARTS.items()),
)
IN_MEMORY = Workload(
    name="W5",
    title="The whole system on the emulator, DynamoDB's stand-in in memory",
    explanation=(
        "64 connections send as fast as they are answered; events/s count from the first request until every event is"
        " a row and, by each way, an item. Then an open loop at half of that, and beside it ten probes a second, each"
        " looked for in both stores until it is there by all three ways. Load, emulator, servers and services share"
        " all cores."
    ),
    cases=(_MEMORY,),
    figures=_FIGURES,
    plotted=_RATE,
    targets=(
        Target(case=_MEMORY, figure=_PER_THOUSAND, at_most=0.833, stretch=0.5),
        Target(case=_MEMORY, figure=_P99, at_most=250, stretch=100),
    ),
    start=_through("memory"),
)
ON_DISK = Workload(
    name="W5D",
    title="The whole system as `make run` starts it, DynamoDB's stand-in on disk",
    explanation=("As W5, with the items in LevelDB on disk."),
    cases=(_DISK,),
    figures=_FIGURES,
    plotted=_RATE,
    targets=(),
    start=_through("disk"),
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
