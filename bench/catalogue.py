"""The workloads that the benchmark knows, in the order in which they are run."""

from collections.abc import Iterable

from bench.errors import BenchError
from bench.workload import Workload
from bench.workloads import (
    drains,
    gateway_capacity,
    gateway_latency,
    kills,
    mixed_drain,
    postgres_writer,
    query,
    waits,
    watched,
    whole_system,
)

_IN_ORDER = (
    gateway_capacity.WORKLOAD,
    gateway_latency.WORKLOAD,
    drains.QUEUE_B,
    drains.QUEUE_C_AND_TOPIC,
    whole_system.IN_MEMORY,
    whole_system.ON_DISK,
    whole_system.MIXED,
    mixed_drain.WORKLOAD,
    query.WORKLOAD,
    postgres_writer.WORKLOAD,
    kills.WORKLOAD,
    waits.WORKLOAD,
    watched.GATEWAY,
    watched.QUEUE_B,
    watched.QUEUE_C_AND_TOPIC,
)
ALL = {workload.name: workload for workload in _IN_ORDER}


def chosen(names: Iterable[str]) -> list[Workload]:
    """The workloads of these names, all where there is no name; raises BenchError."""
    wanted = {name.upper() for name in names} or set(ALL)
    if unknown := wanted - set(ALL):
        raise BenchError(f"no workload is called {', '.join(sorted(unknown))}: there are {', '.join(ALL)}")
    return [workload for name, workload in ALL.items() if name in wanted]
