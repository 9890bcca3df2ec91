"""The whole system under load: a run counts when every event is in both stores, by every way, and once."""

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Literal, NamedTuple
from urllib.parse import urlsplit

from bench.errors import DoesNotCount
from bench.load.plan import Outcome, Plan
from bench.measuring import cpu, profiler, spread
from bench.rigs import builds, follower, load_process, store_counts, system
from bench.rigs.builds import Build
from bench.rigs.gateway_rig import require_accepted
from bench.rigs.poison import Poison
from bench.rigs.store_counts import Counts, StoreCounts
from bench.rigs.system import System
from bench.workload import Durations

CONNECTIONS = 64
REPEAT_EVERY = 10
"""A tenth of the mixed load are duplicates,"""
POISON_SHARE = 0.01
"""and on so many of its messages there comes one that is no event."""
_LONGEST_S = 90.0
_POLL_S = 0.1
_REST_S = 0.5


class Through(NamedTuple):
    """What went through the system: `messages`, in `seconds` from the first request to the last store.

    `cpu_us` is what each part used in that time for a message, and `load` for an event that it measured.
    """

    messages: int
    seconds: float
    cpu_us: dict[str, float]

    @property
    def per_s(self) -> float:
        """Messages a second."""
        return self.messages / self.seconds


class SystemRig:
    """Puts one system under one load after another."""

    def __init__(self, running: System, counts: StoreCounts) -> None:
        self.system = running
        self.counts = counts

    async def saturated(self, durations: Durations) -> Through:
        """A closed loop of new events. Raises DoesNotCount."""
        before, reported, used_s = await self.at_rest(), await self.counts.reported(), self._cpu_s()
        outcome = await self._load(self._plan(durations))
        ended = await self._all_reported(reported, outcome.accepted, outcome.accepted)
        used_s = _since(self._cpu_s(), used_s)
        await self.all_stored(before, outcome.accepted)
        return _through(outcome, outcome.accepted, ended, used_s)

    async def saturated_with_mixture(self, durations: Durations, messages_per_s: float) -> Through:
        """The same with duplicates, and with poison, about POISON_SHARE of `messages_per_s`, past the gateway."""
        before, reported, used_s = await self.at_rest(), await self.counts.reported(), self._cpu_s()
        async with Poison.connected(self.system) as poison:
            outcome, _ = await asyncio.gather(
                self._load(self._plan(durations, repeat_every=REPEAT_EVERY)),
                poison.publish(POISON_SHARE * messages_per_s, durations.warm_up_s + durations.measure_s),
            )
            events = outcome.accepted - outcome.sent // REPEAT_EVERY
            ended = await self._all_reported(reported, events, outcome.accepted)
            await poison.are_all_dead_letters(_LONGEST_S)
            ended = max(ended, time.time())
            used_s = _since(self._cpu_s(), used_s)
            await self.all_stored(before, events)
        return _through(outcome, outcome.accepted + poison.sent, ended, used_s)

    async def latency_ms(self, durations: Durations, rate_per_s: float) -> dict[str, float]:
        """`p50_ms`, `p99_ms` and `longest_ms` from publishing to stored by every way, at `rate_per_s`."""
        before = await self.at_rest()
        durations = Durations(durations.warm_up_s, max(durations.of_tail().measure_s, follower.LEAST_S))
        async with follower.connected(self.system) as probes:
            loading = asyncio.create_task(self._load(self._plan(durations, rate_per_s=rate_per_s)))
            try:
                await asyncio.sleep(durations.warm_up_s)  # what is measured begins then
                followed = await probes.follow(durations.measure_s)
                outcome = await loading
            finally:
                loading.cancel()
        await self.all_stored(before, outcome.accepted + followed)
        ordered = sorted(probes.latencies_s)
        percents = {"p50_ms": 50, "p99_ms": 99, "longest_ms": 100}
        return {name: 1000 * spread.percentile(ordered, percent) for name, percent in percents.items()}

    async def at_rest(self) -> Counts:
        """The counts once nothing of an earlier load is on its way any more. Raises DoesNotCount."""
        deadline, before = time.monotonic() + _LONGEST_S, await self.counts.now()
        while True:
            await asyncio.sleep(_REST_S)
            if (now := await self.counts.now()) == before and now.items == 2 * now.rows:
                return now
            if time.monotonic() > deadline:
                raise DoesNotCount(f"the system does not come to rest: {now}")
            before = now

    def _cpu_s(self) -> dict[str, float]:
        return {part: cpu.seconds(pid) for part, pid in self.system.pids().items()}

    def _plan(self, durations: Durations, rate_per_s: float | None = None, repeat_every: int | None = None) -> Plan:
        gateway = urlsplit(self.system.endpoints["gateway"])
        return Plan(
            host=str(gateway.hostname),
            port=int(gateway.port or 80),
            connections=CONNECTIONS,
            warm_up_s=durations.warm_up_s,
            measure_s=durations.measure_s,
            watched={},
            rate_per_s=rate_per_s,
            repeat_every=repeat_every,
        )

    async def _load(self, plan: Plan) -> Outcome:
        outcome = await load_process.carry_out(plan)
        require_accepted(outcome)
        return outcome

    async def all_stored(self, before: Counts, events: int) -> None:
        """Wait until `events` are stored. Raises DoesNotCount where one isn't, or is there twice."""
        deadline = time.monotonic() + _LONGEST_S
        while (stored := (await self.counts.now()).since(before)) != (events, 2 * events):
            if time.monotonic() > deadline or stored.rows > events or stored.items > 2 * events:
                raise DoesNotCount(
                    f"of {events} events, {stored.rows} are rows; {stored.items} items, not twice as many"
                )
            await asyncio.sleep(_REST_S)

    async def _all_reported(self, before: Counts, events: int, messages: int) -> float:
        """When the last of `events` was stored by what the services say (epoch, s); C puts repeats too.

        Raises DoesNotCount.
        """
        deadline = time.monotonic() + _LONGEST_S
        while True:
            reported = (await self.counts.reported()).since(before)
            if reported.rows >= events and reported.items >= 2 * messages:
                return time.time()
            if time.monotonic() > deadline:
                raise DoesNotCount(f"of {events} events, {reported.rows} are rows, and {reported.items} items are put")
            await asyncio.sleep(_POLL_S)


def _since(now_s: dict[str, float], earlier_s: dict[str, float]) -> dict[str, float]:
    return {part: seconds - earlier_s[part] for part, seconds in now_s.items()}


def _through(outcome: Outcome, messages: int, ended_at: float, used_s: dict[str, float]) -> Through:
    cpu_us = {part: 1e6 * seconds / messages for part, seconds in used_s.items()}
    return Through(
        messages, ended_at - outcome.began_at, cpu_us | {"load": 1e6 * outcome.cpu_s["load"] / outcome.events}
    )


@asynccontextmanager
async def started(dynamodb: Literal["disk", "memory"], build: Build = builds.THIS) -> AsyncGenerator[SystemRig, None]:
    """A rig with a system of its own."""
    async with system.started(dynamodb, build) as running, store_counts.connected(running) as counts:
        profiler.watch(running.pid("aws"))  # the emulator is the limit
        yield SystemRig(running, counts)
