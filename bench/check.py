"""`make bench CHECK=1`: a short subset, held against what is kept."""

from collections.abc import Iterator
from dataclasses import replace

from bench import targets
from bench.pipelines import NAIVE, OURS
from bench.workload import Durations, Record, Workload
from bench.workloads import drains, gateway_capacity, whole_system

RUNS = 3
DURATIONS = Durations(warm_up_s=2, measure_s=3)


def subset() -> list[Workload]:
    """What an event costs each service, and the whole system, against the naive one: ratios hold on any machine."""
    costs = (gateway_capacity.WORKLOAD, drains.QUEUE_B, drains.QUEUE_C_AND_TOPIC, whole_system.IN_SHORT)
    return [_against_naive(workload) for workload in costs]


def _against_naive(workload: Workload) -> Workload:
    against = tuple(target for target in workload.targets if target.reference == NAIVE.name)
    return replace(workload, cases=(OURS.name, NAIVE.name), targets=against)


def worse(workload: Workload, kept: Record, found: Record) -> Iterator[str]:
    """A line for each target whose ratio is over the kept one by more than that one's spread."""
    for target in workload.targets:
        before, now = targets.measured(target, kept), targets.measured(target, found)
        name = f"{workload.name}: {target.case}'s {target.figure.heading}, of {target.reference}'s"
        if now is None:
            yield f"{name}: no run counts"
        elif before is None:
            yield f"{name}: nothing is kept to hold it against: run `make bench WORKLOADS={workload.name}`"
        elif now.median > (most := before.median + before.greatest - before.least):
            yield f"{name}: {now.median:.3f}, and kept is {before.median:.3f}: at most {most:.3f} is within its spread"
