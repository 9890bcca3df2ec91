"""The workloads that the benchmark knows, in the order in which they are run."""

from collections.abc import Iterable

from bench import gateway_capacity, gateway_latency, mixed_drain, queue_drain, topic_drain
from bench.errors import BenchError
from bench.workload import Workload

_MODULES = (gateway_capacity, gateway_latency, queue_drain, topic_drain, mixed_drain)
ALL = {module.WORKLOAD.name: module.WORKLOAD for module in _MODULES}


def chosen(names: Iterable[str]) -> list[Workload]:
    """The workloads of these names with those that they need, all where there is no name; raises BenchError."""
    wanted = {name.upper() for name in names} or set(ALL)
    if unknown := wanted - set(ALL):
        raise BenchError(f"no workload is called {', '.join(sorted(unknown))}: there are {', '.join(ALL)}")
    wanted |= {needed for name in wanted for needed in ALL[name].needs}
    return [workload for name, workload in ALL.items() if name in wanted]
