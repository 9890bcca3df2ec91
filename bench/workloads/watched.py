"""W1T, W3T and W4T: what it costs a service that it counts and traces."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace

from bench import events
from bench.errors import DoesNotCount
from bench.pipelines import OURS, Pipeline
from bench.rigs import drain_rig, gateway_rig
from bench.stubs import traces
from bench.workload import Durations, Figure, MeasureCase, Start, Target, Workload
from bench.workloads import drains, gateway_capacity
from bench.workloads.gateway_capacity import BUSY, RATE, WAITED

BARE = replace(
    OURS,
    name="neither",
    gateway="python -m bench.rigs.uncounted gateway",
    service_b=f"python -m bench.rigs.uncounted {OURS.service_b}",
    service_c=f"python -m bench.rigs.uncounted {OURS.service_c}",
)
COUNTED = replace(OURS, name="metrics")
TRACED = replace(OURS, name="metrics, and 1 % traced")
_CASES = {each.name: each for each in (BARE, COUNTED, TRACED)}
_SHARE = 1 / events.SAMPLED_EVERY
_AT_MOST = 1.05
_SPANS = Figure("spans", "spans/event", 3)
_EXPLANATION = (
    " `neither` is the service with counters and histograms that return at once, and no address to send traces to;"
    " `metrics` is the service as it is; in `metrics, and 1 % traced` it also sends the spans of one event in a hundred"
    " to a receiver on this machine. A run counts only if the receiver got them. A few percent are to be told apart:"
    " give it many rounds (`python -m bench --runs 12`)."
)


def _exporting(pipeline: Pipeline, url: str) -> Pipeline:
    if pipeline is not TRACED:
        return pipeline
    return replace(pipeline, settings={"OTEL_EXPORTER_OTLP_ENDPOINT": url, "MENSAGERIA_TRACE_RATIO": str(_SHARE)})


def spans_per_event(pipeline: Pipeline, spans: int, count: int, least: float) -> dict[str, float]:
    """The figure of the spans that came of `count` events; raises DoesNotCount where they are not what was asked for.

    `least` is for one sampled event.
    """
    wanted = least * _SHARE * count if pipeline is TRACED else 0
    if spans < wanted or (spans and not wanted):
        raise DoesNotCount(f"{spans} spans came of {count} events, and {wanted:.0f} were to come at least")
    return {_SPANS.name: spans / count}


@asynccontextmanager
async def _gateway(durations: Durations) -> AsyncGenerator[MeasureCase, None]:
    async with gateway_rig.started() as rig:

        async def measure(case: str) -> dict[str, float]:
            async with traces.receiving() as receiver:
                outcome, taken = await rig.saturated(_exporting(_CASES[case], receiver.url), durations)
            # Four of each: the request, its event, both legs; but which requests are sampled is a matter of chance.
            told = spans_per_event(_CASES[case], receiver.spans, taken.kafka_events, least=2)
            return gateway_capacity.figures(outcome, taken) | told

        yield measure


@asynccontextmanager
async def _queue_b(durations: Durations) -> AsyncGenerator[MeasureCase, None]:
    async with drain_rig.started(with_kafka=False) as rig:

        async def measure(case: str) -> dict[str, float]:
            given = drains.bodies(_CASES[case], durations)
            async with traces.receiving() as receiver:
                drained = await rig.queue_b(_exporting(_CASES[case], receiver.url), given, len(given))
            return drains.figures(drained) | spans_per_event(_CASES[case], receiver.spans, drained.events, least=1)

        yield measure


@asynccontextmanager
async def _queue_c_and_topic(durations: Durations) -> AsyncGenerator[MeasureCase, None]:
    async def measure(case: str) -> dict[str, float]:
        given = drains.bodies(_CASES[case], durations)
        async with drain_rig.started(with_kafka=True) as rig, traces.receiving() as receiver:
            drained = await rig.queue_c_and_topic(_exporting(_CASES[case], receiver.url), given)
        return drains.figures(drained) | spans_per_event(_CASES[case], receiver.spans, drained.events, least=1)

    yield measure


def _workload(name: str, title: str, cpu: Figure, others: tuple[Figure, ...], start: Start) -> Workload:
    return Workload(
        name=name,
        title=f"{title}, with and without metrics and traces",
        explanation=f"As {name.removesuffix('T')}." + _EXPLANATION,
        cases=tuple(_CASES),
        figures=(cpu, *others, _SPANS),
        plotted=cpu,
        references={COUNTED.name: BARE.name, TRACED.name: BARE.name},
        targets=(Target(case=TRACED.name, figure=cpu, at_most=_AT_MOST, reference=BARE.name),),
        start=start,
    )


GATEWAY = _workload("W1T", "Gateway saturated", gateway_capacity.CPU, (RATE, BUSY, WAITED), _gateway)
QUEUE_B = _workload("W3T", "Service B drains queue b", drains.CPU, (drains.RATE,), _queue_b)
QUEUE_C_AND_TOPIC = _workload(
    "W4T", "Service C drains Kafka and queue c", drains.CPU, (drains.RATE,), _queue_c_and_topic
)
