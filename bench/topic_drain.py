"""W4: what an event costs service C, by each way, from Kafka and queue c to DynamoDB."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from itertools import islice

from bench import drain_rig, events, queue_drain
from bench.drain_rig import NAIVE, OURS
from bench.queue_drain import CPU, RATE
from bench.workload import Durations, MeasureCase, Record, Target, Workload


@asynccontextmanager
async def _start(durations: Durations, _: Mapping[str, Record]) -> AsyncGenerator[MeasureCase, None]:
    async def measure(case: str) -> dict[str, float]:
        bodies = list(islice(events.bodies(), queue_drain.count(case, durations)))
        async with drain_rig.started(with_kafka=True) as rig:  # a fresh topic: each service has a group of its own
            return queue_drain.figures(await rig.queue_c_and_topic(case, bodies))

    yield measure


WORKLOAD = Workload(
    name="W4",
    title="Service C drains Kafka and queue c into DynamoDB: stubs for SQS and DynamoDB, real Kafka",
    explanation=(
        "Topic and queue are filled at once when the clock starts, and the run ends when every event is an item by both"
        " ways and every message is deleted. An event counts once for each way. `naive` is a plain Faust agent that"
        " puts event by event, and one receive, one put and one delete a message."
    ),
    cases=(OURS, NAIVE),
    figures=(CPU, RATE),
    plotted=CPU,
    references={OURS: NAIVE},
    targets=(Target(case=OURS, figure=CPU, at_most=0.15, stretch=0.06, reference=NAIVE),),
    start=_start,
)
