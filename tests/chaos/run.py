"""One run: a load, faults during it, a rest, and the comparison."""

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, closing
from dataclasses import dataclass, field
from datetime import timedelta

from tests.chaos import checker, faults, journal, stores
from tests.chaos.backlog import Backlog, Sample
from tests.chaos.checker import Counts, Findings
from tests.chaos.foreign import ForeignRecords
from tests.chaos.journal import Journal, Told
from tests.chaos.poison import poisoned
from tests.chaos.publishers import Mix, Publishers
from tests.chaos.rig import Rig
from tests.chaos.schedule import LOAD_S, Fault

_MARGIN = timedelta(seconds=5)


@dataclass(frozen=True)
class Begun:
    """What is to be done: `rate` is in events a second, `begun` the load's begin (epoch seconds)."""

    seed: int
    rate: float
    begun: float
    faults: list[Fault]


@dataclass(frozen=True)
class Run(Begun):
    """What was done and what came of it."""

    load_s: float
    rest_s: float
    """From the load's end until nothing waited any more."""
    is_drained: bool
    late: list[str]
    """Faults after which a service did not stop, or come back, in time."""
    findings: Findings
    counts: Counts
    told: Told = field(repr=False)
    samples: list[Sample] = field(repr=False)
    said: list[str] = field(repr=False)

    @property
    def is_well(self) -> bool:
        """Whether nothing is wrong, stuck or late, and something was there to go wrong."""
        return self.counts.accepted > 0 and self.is_drained and not self.late and not self.findings

    @property
    def wrongs(self) -> str:
        """What is wrong, in words."""
        stuck = [] if self.is_drained else ["something still waits"]
        idle = [] if self.counts.accepted else ["nothing was accepted"]
        return "; ".join([str(self.findings), *(f"late: {each}" for each in self.late), *stuck, *idle])


async def drive(
    rig: Rig,
    schedule: Sequence[Fault],
    *,
    seed: int,
    mix: Mix | None = None,
    load_s: float = LOAD_S,
    then: Callable[[], Awaitable[None]] | None = None,
) -> Run:
    """Run `schedule` under load, and what follows `then`; the load lasts at least until both have ended."""
    name, mix, said, begun = f"{seed}-{uuid.uuid4().hex[:8]}", mix or Mix(), len(rig.said), time.time()
    source, log = f"urn:chaos:{name}", Journal(rig.home.folder("journals") / f"{name}.jsonl")
    async with AsyncExitStack() as run:
        run.enter_context(closing(log))
        letters = await run.enter_async_context(stores.DeadLetters(rig).kept())
        backlog = await run.enter_async_context(Backlog.watched(rig))
        publishers = Publishers(rig.endpoints["gateway"], source, log, mix, seed=seed)
        async with poisoned(rig, source, log, per_s=mix.poison_per_s, seed=seed), publishers.load():
            load = asyncio.create_task(asyncio.sleep(load_s))
            foreign = ForeignRecords(rig, source, log, seed=seed)
            late = await faults.strike(rig, schedule, time.monotonic(), foreign)
            if then:
                await then()
            await load
        load_ended = time.time()
        is_drained = await backlog.drained() and not publishers.is_stuck
        rest_s = time.time() - load_ended
        told = journal.read(log.file)
        margin = _margin(schedule)
        held = await stores.held(rig, source, stores.moment(begun) - margin, stores.moment(time.time()) + margin)
        findings, counts = checker.check(told, held, await letters.of(source))
    return Run(
        seed=seed,
        rate=mix.per_s,
        begun=begun,
        faults=list(schedule),
        load_s=load_ended - begun,
        rest_s=rest_s,
        is_drained=is_drained,
        late=late,
        findings=findings,
        counts=counts,
        told=told,
        samples=backlog.samples,
        said=rig.said[said:],
    )


def _margin(schedule: Sequence[Fault]) -> timedelta:
    """How far a `received_at` may be from the true time: clocks jump."""
    jumps = any(fault.what == "clock" for fault in schedule)
    return _MARGIN + timedelta(seconds=faults.CLOCK_S if jumps else 0)
