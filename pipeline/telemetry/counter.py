"""A counter that counts in a plain number and is made a metric at each scrape, as a histogram is (decision 18)."""

from collections.abc import Iterator, Sequence

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector


class Count:
    """One combination of labels: how often it happened, from the process' start."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value = 0

    def inc(self, times: int = 1) -> None:
        """It happened, `times` times."""
        self.value += times


class Counter(Collector):
    """A metric of that name, exposed with the suffix `_total`, with the labels `names`."""

    def __init__(self, registry: CollectorRegistry, name: str, documentation: str, names: Sequence[str] = ()) -> None:
        self._name = name
        self._documentation = documentation
        self._names = names
        self._counts: dict[tuple[str, ...], Count] = {}
        registry.register(self)

    def labels(self, *values: str) -> Count:
        """The count with these values of the labels, made where it is asked for first: keep it."""
        if values not in self._counts:
            self._counts[values] = Count()
        return self._counts[values]

    def collect(self) -> Iterator[CounterMetricFamily]:
        """The metric now."""
        family = CounterMetricFamily(self._name, self._documentation, labels=self._names)
        for values, count in self._counts.items():
            family.add_metric(values, float(count.value))
        yield family
