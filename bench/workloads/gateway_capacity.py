"""W1: what an event costs the gateway, and how many it can take."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from bench import pipelines
from bench.load.plan import Outcome
from bench.rigs import gateway_rig
from bench.rigs.gateway_rig import Taken
from bench.workload import Durations, Figure, MeasureCase, Target, Workload

CPU = Figure("gateway_us", "gateway, CPU µs/event")
RATE = Figure("events_per_s", "events/s")
BUSY = Figure("gateway_busy", "gateway running, %")
WAITED = Figure("gateway_waited", "gateway kept waiting for its core, %", 1)


def figures(outcome: Outcome, taken: Taken) -> dict[str, float]:
    """What every load on a gateway tells, by the figures' names."""
    return outcome.latency_ms | {
        **{f"{name}_us": seconds * 1e6 / outcome.events for name, seconds in outcome.cpu_s.items()},
        RATE.name: outcome.events / outcome.seconds,
        BUSY.name: 100 * outcome.cpu_s["gateway"] / outcome.seconds,
        WAITED.name: 100 * outcome.waited_s["gateway"] / outcome.seconds,
        "events_per_call": taken.sns_events / taken.sns_calls,
    }


@asynccontextmanager
async def _start(durations: Durations) -> AsyncGenerator[MeasureCase, None]:
    async with gateway_rig.started() as rig:

        async def measure(case: str) -> dict[str, float]:
            return figures(*await rig.saturated(pipelines.ALL[case], durations))

        yield measure


WORKLOAD = Workload(
    name="W1",
    title="Gateway saturated: 64 connections, closed loop, SNS stub, real Kafka",
    explanation=(
        "Every connection sends its next event as soon as the one before it is answered. Where the gateway neither ran"
        " nor waited for its core for more than 5 % of the time, Kafka, the stub or the load capped the rate: it is a"
        " lower bound of the capacity. Where it waited for its core for more than a few percent, something else ran on"
        " the machine: measure again. `plain clients` is aiohttp, aiobotocore in batches of ten and aiokafka with a"
        " linger; `FastStream` is FastAPI with FastStream's broker; `naive` is Quart on hypercorn with one"
        " `sns.publish` and one `send_and_wait` a request."
    ),
    cases=tuple(pipelines.ALL),
    figures=(
        *(CPU, RATE, BUSY, WAITED),
        Figure("events_per_call", "events/SNS call", 1),
        Figure("sns_us", "SNS stub, CPU µs/event"),
        Figure("kafka_us", "Kafka, CPU µs/event"),
        Figure("load_us", "load, CPU µs/event"),
    ),
    plotted=CPU,
    references=pipelines.AGAINST_NAIVE,
    targets=(Target(case=pipelines.OURS.name, figure=CPU, at_most=0.14, stretch=0.07, reference=pipelines.NAIVE.name),),
    start=_start,
)
