"""W2: how long an event waits for its 202 when the gateway is not saturated."""

import statistics
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager

from bench import gateway_capacity, gateway_rig
from bench.errors import DoesNotCount
from bench.gateway_capacity import BUSY, CPU, RATE, WAITED
from bench.gateway_rig import NAIVE, OURS
from bench.workload import Durations, Figure, MeasureCase, Record, Target, Workload

_P99 = Figure("p99_ms", "p99, ms", 1)
_LOADS = {f"{gateway} at {share:.0%}": (gateway, share) for share in (0.5, 0.8) for gateway in (OURS, NAIVE)}


def _rate_per_s(records: Mapping[str, Record], gateway: str, share: float) -> float:
    capacities = records[gateway_capacity.WORKLOAD.name].figures(gateway, RATE.name)
    if not capacities:
        raise DoesNotCount(f"no run of {gateway_capacity.WORKLOAD.name} counted: the capacity is not known")
    return share * statistics.median(capacities.values())


@asynccontextmanager
async def _start(durations: Durations, records: Mapping[str, Record]) -> AsyncGenerator[MeasureCase, None]:
    async with gateway_rig.started() as rig:

        async def measure(case: str) -> dict[str, float]:
            gateway, share = _LOADS[case]
            return gateway_capacity.figures(*await rig.run(gateway, durations, _rate_per_s(records, gateway, share)))

        yield measure


WORKLOAD = Workload(
    name="W2",
    title="Gateway at 50 % and 80 % of its capacity: open loop, 64 connections, SNS stub, real Kafka",
    explanation=(
        "Events are due at a constant rate, a share of the events/s that W1 measured for the same gateway in the same"
        " command. Latency counts from the moment an event was due, whether or not a connection was free then (no"
        " coordinated omission)."
    ),
    cases=tuple(_LOADS),
    figures=(
        Figure("p50_ms", "p50, ms", 1),
        *(_P99, Figure("p999_ms", "p99.9, ms", 1), Figure("longest_ms", "longest, ms", 1)),
        *(RATE, BUSY, WAITED, CPU),
    ),
    plotted=_P99,
    targets=(
        Target(case=f"{OURS} at 50%", figure=_P99, at_most=25),
        Target(case=f"{OURS} at 80%", figure=_P99, at_most=60),
    ),
    needs=(gateway_capacity.WORKLOAD.name,),
    start=_start,
)
