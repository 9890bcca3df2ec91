"""The line beside W1 to W8: how near service B's writer comes to COPY."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from bench.errors import DoesNotCount
from bench.rigs import pinned
from bench.rigs.pinned import Place
from bench.rigs.running import running
from bench.workload import Durations, Figure, MeasureCase, Target, Workload
from stack import postgres, services
from stack.home import BIN, ROOT

_ROWS_PER_S = Figure("rows_per_s", "rows/s")
_PER_ROW = Figure("us_per_row", "µs a row", 1)
_WAYS = {"service B's writer": "1", "four batches at once": "4", "COPY": "copy"}
_OURS, _FOUR, _COPY = _WAYS
_ROWS_PER_RUN_SECOND = 10_000


@asynccontextmanager
async def _start(durations: Durations) -> AsyncGenerator[MeasureCase, None]:
    count = int(_ROWS_PER_RUN_SECOND * durations.measure_s)
    with pinned.place() as place:
        async with running(place.home, postgres.part(place.home, place.ports)):

            async def measure(case: str) -> dict[str, float]:
                seconds = await _seconds(place, _WAYS[case], count)
                return {_PER_ROW.name: 1e6 * seconds / count, _ROWS_PER_S.name: count / seconds}

            yield measure


async def _seconds(place: Place, way: str, count: int) -> float:
    names = ("QueueBUrl", "DeadLetterBUrl")
    part = services.service_b(place.home, place.ports, dict.fromkeys(names, "unused"))
    (core,) = place.core
    process = await asyncio.create_subprocess_exec(
        *(str(BIN / "python"), "-m", "bench.workloads.postgres_rows", way, str(count), str(core)),
        cwd=ROOT,
        env=part.environment,
        stdout=asyncio.subprocess.PIPE,
    )
    told, _ = await process.communicate()
    if process.returncode:
        raise DoesNotCount(f"{way} ended with {process.returncode}: its output says why")
    return float(told)


WORKLOAD = Workload(
    name="COPY",
    title="Rows a second of service B's writer, beside COPY's",
    explanation=(
        "The writer takes events that are parsed, 500 a statement, each its own transaction: one statement after"
        " another, as the service does, and on four connections. COPY takes the same rows ready made, in one"
        " transaction. `≥ 0.45 of COPY's rows/s` is at most 2.22 times its time a row."
    ),
    cases=tuple(_WAYS),
    figures=(_PER_ROW, _ROWS_PER_S),
    plotted=_ROWS_PER_S,
    references={_OURS: _COPY, _FOUR: _COPY},
    targets=(Target(case=_OURS, figure=_PER_ROW, at_most=2.22, stretch=1.54, reference=_COPY),),
    start=_start,
)
