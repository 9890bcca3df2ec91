"""W3: what an event costs service B, from queue b to PostgreSQL."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from itertools import islice

from bench import drain_rig, events
from bench.drain_rig import NAIVE, OURS, Drained
from bench.workload import Durations, Figure, MeasureCase, Record, Target, Workload

CPU = Figure("service_us", "service, CPU µs/event")
RATE = Figure("events_per_s", "events/s")
_EVENTS_PER_S = {OURS: 4000, NAIVE: 400}
"""About what each stores in a second here, so that a run takes about as long as it is meant to."""


def figures(drained: Drained) -> dict[str, float]:
    """What a drain tells, by the figures' names."""
    return {CPU.name: 1e6 * drained.cpu_s / drained.events, RATE.name: drained.events / drained.seconds}


def count(case: str, durations: Durations) -> int:
    """How many events a run of `case` has."""
    return int(_EVENTS_PER_S[case] * durations.measure_s)


@asynccontextmanager
async def _start(durations: Durations, _: Mapping[str, Record]) -> AsyncGenerator[MeasureCase, None]:
    async with drain_rig.started(with_kafka=False) as rig:

        async def measure(case: str) -> dict[str, float]:
            bodies = list(islice(events.bodies(), count(case, durations)))
            return figures(await rig.queue_b(case, bodies, len(bodies)))

        yield measure


WORKLOAD = Workload(
    name="W3",
    title="Service B drains queue b into PostgreSQL: SQS stub, real PostgreSQL",
    explanation=(
        "The queue is filled at once when the clock starts, and the run ends when every event is a row and every"
        " message is deleted. `naive` is a Faust app with one receive, one insert and one delete a message."
    ),
    cases=(OURS, NAIVE),
    figures=(CPU, RATE),
    plotted=CPU,
    references={OURS: NAIVE},
    targets=(Target(case=OURS, figure=CPU, at_most=0.12, stretch=0.05, reference=NAIVE),),
    start=_start,
)
