"""W7B: what duplicates and poison cost service B."""

import random
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager

from bench.pipelines import OURS
from bench.rigs import drain_rig
from bench.workload import Durations, Figure, MeasureCase, Target, Workload
from bench.workloads import drains
from bench.workloads.drains import CPU, RATE

CLEAN, MIXED = "all new", "10 % duplicates, 1 % poison"
_US_PER_MESSAGE = Figure("message_us", "service, CPU µs/message")
_SEED = 20261123


@asynccontextmanager
async def _start(durations: Durations) -> AsyncGenerator[MeasureCase, None]:
    async with drain_rig.started(with_kafka=False) as rig:

        async def measure(case: str) -> dict[str, float]:
            new = drains.bodies(OURS, durations)
            count = len(new)
            if case == MIXED:
                new = new[: count * 89 // 100]
            drained = await rig.queue_b(OURS, _mixed(new, count), len(new))
            return {
                _US_PER_MESSAGE.name: 1e6 * drained.cpu_s / count,
                RATE.name: count / drained.seconds,
                CPU.name: 1e6 * drained.cpu_s / drained.events,
            }

        yield measure


def _mixed(new: Sequence[bytes], count: int) -> list[bytes]:
    """`new` with as many duplicates and as much poison as make it `count` messages, in any order."""
    chance = random.Random(_SEED)  # noqa: S311 - a mixture, not a secret
    poison = [b"{" + body[:100] for body in new[: count // 100]] if len(new) < count else []
    bodies = [*new, *poison, *chance.choices(new, k=count - len(new) - len(poison))]
    chance.shuffle(bodies)
    return bodies


WORKLOAD = Workload(
    name="W7B",
    title="Service B drains a queue with 10 % duplicates and 1 % poison: SQS stub, real PostgreSQL",
    explanation="As W3, with and without the mixture; poison ends in the dead-letter queue.",
    cases=(MIXED, CLEAN),
    figures=(_US_PER_MESSAGE, RATE, CPU),
    plotted=_US_PER_MESSAGE,
    references={MIXED: CLEAN},
    targets=(Target(case=MIXED, figure=_US_PER_MESSAGE, at_most=1.15, reference=CLEAN),),
    start=_start,
)
