"""W2: how long an event waits for its 202 when the gateway is not saturated."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from bench.pipelines import OURS
from bench.rigs import gateway_rig
from bench.workload import Durations, Figure, MeasureCase, Target, Workload
from bench.workloads import gateway_capacity
from bench.workloads.gateway_capacity import BUSY, CPU, RATE, WAITED

_P99 = Figure("p99_ms", "p99, ms", 1)
_SHARES = {f"{OURS.name} at {share:.0%}": share for share in (0.5, 0.8)}


@asynccontextmanager
async def _start(durations: Durations) -> AsyncGenerator[MeasureCase, None]:
    async with gateway_rig.started() as rig:

        async def measure(case: str) -> dict[str, float]:
            return gateway_capacity.figures(*await rig.at_share(OURS, _SHARES[case], durations))

        yield measure


WORKLOAD = Workload(
    name="W2",
    title="Gateway at 50 % and 80 % of its capacity: open loop, 64 connections, SNS stub, real Kafka",
    explanation=(
        "Events are due at a constant rate, a share of the events/s that the same process took in a closed loop the"
        " moment before. Latency counts from the moment an event was due, whether or not a connection was free then"
        " (no coordinated omission). It is measured for three times as long: of 3 s, one pause of 30 ms on the machine"
        " would be the p99."
    ),
    cases=tuple(_SHARES),
    figures=(
        Figure("p50_ms", "p50, ms", 1),
        *(_P99, Figure("p999_ms", "p99.9, ms", 1), Figure("longest_ms", "longest, ms", 1)),
        *(RATE, BUSY, WAITED, CPU),
    ),
    plotted=_P99,
    targets=(
        Target(case=f"{OURS.name} at 50%", figure=_P99, at_most=25),
        Target(case=f"{OURS.name} at 80%", figure=_P99, at_most=60),
    ),
    start=_start,
)
