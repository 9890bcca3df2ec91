"""W9: publishing with `Prefer: wait`, at a quarter of what the whole system can take."""

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from aiohttp import ClientSession, ClientTimeout, TCPConnector

from bench import events
from bench.errors import DoesNotCount
from bench.measuring import spread
from bench.rigs import system_rig
from bench.workload import Durations, Figure, MeasureCase, Target, Workload
from pipeline.events.event import STRUCTURED

_WAIT_S = 30
_LEAST_S = 10.0
_HEADERS = {"content-type": STRUCTURED, "prefer": f"wait={_WAIT_S}"}
_CASE = "every event asks"
_RATE = Figure("events_per_s", "events/s")
_P50, _P99 = Figure("p50_ms", "request → 201: p50, ms"), Figure("p99_ms", "p99, ms")


@asynccontextmanager
async def _start(durations: Durations) -> AsyncGenerator[MeasureCase, None]:
    async with system_rig.started("memory") as rig:

        async def measure(_: str) -> dict[str, float]:
            per_s = (await rig.saturated(durations)).per_s / 4
            before, seconds = await rig.at_rest(), durations.warm_up_s + max(durations.measure_s, _LEAST_S)
            latencies_s = await _latencies_s(rig.system.endpoints["gateway"], per_s, seconds)
            await rig.all_stored(before, len(latencies_s))
            ordered = sorted(latencies_s[int(per_s * durations.warm_up_s) :])
            percents = {_P50.name: 50, _P99.name: 99, "longest_ms": 100}
            figures = {name: 1000 * spread.percentile(ordered, percent) for name, percent in percents.items()}
            return {_RATE.name: per_s} | figures

        yield measure


async def _latencies_s(gateway: str, per_s: float, seconds: float) -> list[float]:
    """From when each request of an open loop was due to its 201. Raises DoesNotCount where one gets another answer."""
    bodies = events.bodies()
    timeout = ClientTimeout(total=2 * _WAIT_S)
    async with ClientSession(gateway, connector=TCPConnector(limit=0), timeout=timeout) as http:

        async def answered(due: float) -> tuple[int, float]:
            async with http.post("/events", data=next(bodies), headers=_HEADERS) as answer:
                await answer.read()
            return answer.status, time.perf_counter() - due

        begun, sent = time.perf_counter(), []
        for number in range(int(per_s * seconds)):
            due = begun + number / per_s
            await asyncio.sleep(due - time.perf_counter())
            sent.append(asyncio.create_task(answered(due)))
        answers = await asyncio.gather(*sent)
    if others := sum(status != 201 for status, _ in answers):
        raise DoesNotCount(f"{others} of {len(answers)} requests that wait were not answered with 201")
    return [latency_s for _, latency_s in answers]


WORKLOAD = Workload(
    name="W9",
    title="The whole system with `Prefer: wait`, DynamoDB's stand-in in memory",
    explanation=(
        "An open loop at a quarter of what W5's closed loop came to in the same run; each request asks to wait, and its"
        " time goes from when it was due to its 201. Load, emulator, servers and services share all cores."
    ),
    cases=(_CASE,),
    figures=(_RATE, _P50, _P99, Figure("longest_ms", "longest, ms")),
    plotted=_P50,
    targets=(
        Target(case=_CASE, figure=_P50, at_most=60),
        Target(case=_CASE, figure=_P99, at_most=250),
    ),
    start=_start,
)
