"""W6: what the query adds to its stores' own time, and how long a cold start takes."""

import statistics
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from bench.rigs import query_rig
from bench.workload import Durations, Figure, MeasureCase, Target, Workload

_ABOVE = Figure("above_ms", "p50 above the stores', ms", 1)
_WHOLE = Figure("whole_ms", "p50, ms", 1)
_COLD = Figure("cold_ms", "start to first answer, ms")
_TARGETS = {
    "newest 50": "/events",
    "50 of one source": "/events?source=https%3A%2F%2Fshop.example%2Forders",
    "one event": "/event?source=https%3A%2F%2Fshop.example%2F17&id=old-17",
}
_RARE = {"50 of a rare source": "/events?source=https%3A%2F%2Fshop.example%2F17"}
"""DynamoDB has none of them, and looks through all its entries."""
_CALLS_PER_S = 20
_RARE_CALLS_PER_S = 2
_COLD_OURS, _COLD_POWERTOOLS = "cold start", "cold start, Powertools"


@asynccontextmanager
async def _start(durations: Durations) -> AsyncGenerator[MeasureCase, None]:
    async with query_rig.started() as rig:
        cold = {_COLD_OURS: rig.ours, _COLD_POWERTOOLS: rig.powertools}

        async def measure(case: str) -> dict[str, float]:
            if case in cold:
                return {_COLD.name: await rig.cold_ms(cold[case], "/events")}
            target = (_TARGETS | _RARE)[case]
            per_s = _RARE_CALLS_PER_S if case in _RARE else _CALLS_PER_S
            calls = await rig.warm_ms(rig.ours, target, int(per_s * durations.measure_s))
            above = statistics.median(whole - waited for whole, waited in calls)
            return {_ABOVE.name: above, _WHOLE.name: statistics.median(whole for whole, _ in calls)}

        yield measure


WORKLOAD = Workload(
    name="W6",
    title="The query over 1 M rows: cold start, and warm",
    explanation=(
        "PostgreSQL holds 1,005,000 events, DynamoDB's stand-in the newest 5,000 of them by both ways."
        " The function runs in a process and on a core of its own as in Lambda, and is called"
        " directly, without API Gateway. Of the rare source PostgreSQL has one event in 1,000 and DynamoDB none."
        " A cold start goes from a new process to its first answer to `GET /events`; `Powertools` answers the same with"
        " Powertools' validation and the runtime's boto3, its packages without byte code. The stores' own time is that"
        " in which at least one thread of the function waited for bytes of a store."
    ),
    cases=(*_TARGETS, *_RARE, _COLD_OURS, _COLD_POWERTOOLS),
    figures=(_COLD, _ABOVE, _WHOLE),
    plotted=_COLD,
    references={_COLD_OURS: _COLD_POWERTOOLS},
    targets=(
        Target(case=_COLD_OURS, figure=_COLD, at_most=0.45, stretch=0.3, reference=_COLD_POWERTOOLS),
        *(Target(case=case, figure=_ABOVE, at_most=10) for case in _TARGETS),
    ),
    start=_start,
)
