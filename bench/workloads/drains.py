"""W3 and W4: what an event costs services B and C, from the queue and the topic to the store."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from itertools import islice

from bench import events
from bench.pipelines import AGAINST_NAIVE, ALL, FASTSTREAM, NAIVE, OURS, PLAIN, Pipeline
from bench.rigs import drain_rig
from bench.rigs.drain_rig import Drained
from bench.workload import Durations, Figure, MeasureCase, Start, Target, Workload

CPU = Figure("service_us", "service, CPU µs/event")
RATE = Figure("events_per_s", "events/s")
_EVENTS_PER_S = {PLAIN.name: 1200, FASTSTREAM.name: 800, NAIVE.name: 250}
_OURS_PER_S = 4000
"""About what each stores in a second here, so that a run takes about as long as it is meant to."""


def figures(drained: Drained) -> dict[str, float]:
    """What a drain tells, by the figures' names."""
    return {CPU.name: 1e6 * drained.cpu_s / drained.events, RATE.name: drained.events / drained.seconds}


def bodies(pipeline: Pipeline, durations: Durations) -> Sequence[bytes]:
    """As many events as a run of `pipeline` takes."""
    return list(islice(events.bodies(), int(_EVENTS_PER_S.get(pipeline.name, _OURS_PER_S) * durations.measure_s)))


@asynccontextmanager
async def _queue_b(durations: Durations) -> AsyncGenerator[MeasureCase, None]:
    async with drain_rig.started(with_kafka=False) as rig:

        async def measure(case: str) -> dict[str, float]:
            given = bodies(ALL[case], durations)
            return figures(await rig.queue_b(ALL[case], given, len(given)))

        yield measure


@asynccontextmanager
async def _queue_c_and_topic(durations: Durations) -> AsyncGenerator[MeasureCase, None]:
    async def measure(case: str) -> dict[str, float]:
        async with drain_rig.started(with_kafka=True) as rig:  # a fresh topic: each service has a group of its own
            return figures(await rig.queue_c_and_topic(ALL[case], bodies(ALL[case], durations)))

    yield measure


def _workload(name: str, title: str, explanation: str, start: Start, target: tuple[float, float]) -> Workload:
    at_most, stretch = target
    aim = Target(case=OURS.name, figure=CPU, at_most=at_most, stretch=stretch, reference=NAIVE.name)
    return Workload(
        name=name,
        title=title,
        explanation=explanation,
        cases=tuple(ALL),
        figures=(CPU, RATE),
        plotted=CPU,
        references=AGAINST_NAIVE,
        targets=(aim,),
        start=start,
    )


QUEUE_B = _workload(
    "W3",
    "Service B drains queue b into PostgreSQL: SQS stub, real PostgreSQL",
    "The queue is filled at once when the clock starts, and the run ends when every event is a row and every message"
    " is deleted. Each has a `traceparent`. `plain clients` and `FastStream` receive, insert and delete ten at once;"
    " `naive` is a Faust app with one receive, one insert and one delete a message.",
    _queue_b,
    (0.12, 0.05),
)
QUEUE_C_AND_TOPIC = _workload(
    "W4",
    "Service C drains Kafka and queue c into DynamoDB: stubs for SQS and DynamoDB, real Kafka",
    "Topic and queue are filled at once when the clock starts, and the run ends when every event is an item by both"
    " ways and every message is deleted. Each has a `traceparent`, and counts once for each way. `plain clients` and"
    " `FastStream` take 500 records and ten messages at once, and put 25 items a call; `naive` is a plain Faust agent"
    " that puts event by event, and one receive, one put and one delete a message.",
    _queue_c_and_topic,
    (0.15, 0.06),
)
