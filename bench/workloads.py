"""The workloads that the benchmark knows, in the order in which they are run."""

from collections.abc import Iterable

from bench import gateway_capacity, gateway_latency
from bench.errors import BenchError
from bench.workload import Workload

ALL = {each.name: each for each in (gateway_capacity.WORKLOAD, gateway_latency.WORKLOAD)}


def chosen(names: Iterable[str]) -> list[Workload]:
    """The workloads of these names with those that they need, all where there is no name; raises BenchError."""
    wanted = {name.upper() for name in names} or set(ALL)
    if unknown := wanted - set(ALL):
        raise BenchError(f"no workload is called {', '.join(sorted(unknown))}: there are {', '.join(ALL)}")
    wanted |= {needed for name in wanted for needed in ALL[name].needs}
    return [workload for name, workload in ALL.items() if name in wanted]
