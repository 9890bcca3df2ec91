"""A histogram that counts in plain numbers and is made a metric at each scrape.

An observation costs a third of one by prometheus_client's own (decision 18), which has a
lock and an object for every bucket: one event loop needs neither.
"""

import time
from bisect import bisect_left
from collections.abc import Iterator, Sequence

from prometheus_client import CollectorRegistry
from prometheus_client.core import Exemplar, HistogramMetricFamily
from prometheus_client.registry import Collector

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)
"""The bounds that OpenTelemetry's semantic conventions give durations."""
_INFINITY = float("inf")
_TRACE_ID = slice(3, 35)
"""Where a traceparent has it (W3C Trace Context, section 3.2)."""


class Series:
    """One combination of labels."""

    __slots__ = ("_bounds", "_counts", "_exemplars", "_sum")

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = (*map(float, bounds), _INFINITY)
        self._counts = [0] * len(self._bounds)
        self._exemplars: dict[int, Exemplar] = {}
        self._sum = 0.0

    def observe(self, value: float) -> None:
        """Count `value` in its bucket: the first whose bound is not below it."""
        self._counts[bisect_left(self._bounds, value)] += 1
        self._sum += value

    def show(self, value: float, traceparent: str) -> None:
        """Have the bucket of `value`, which was observed, lead to the trace of a traceparent."""
        exemplar = Exemplar({"trace_id": traceparent[_TRACE_ID]}, value, time.time())
        self._exemplars[bisect_left(self._bounds, value)] = exemplar

    def add_to(self, family: HistogramMetricFamily, labels: Sequence[str]) -> None:
        """Give `family` what was counted, each bucket with those below it."""
        buckets: list[tuple[str, float] | tuple[str, float, Exemplar]] = []
        count = 0
        for index, bound in enumerate(self._bounds):
            count += self._counts[index]
            name = "+Inf" if bound == _INFINITY else str(bound)
            exemplar = self._exemplars.get(index)
            buckets.append((name, count, exemplar) if exemplar else (name, count))
        family.add_metric(labels, buckets, self._sum)


class Histogram(Collector):
    """A metric of that name with the labels `names`; `bounds` are the buckets' upper ones, without infinity."""

    def __init__(
        self, registry: CollectorRegistry, name: str, documentation: str, names: Sequence[str], bounds: Sequence[float]
    ) -> None:
        self._name = name
        self._documentation = documentation
        self._names = names
        self._bounds = bounds
        self._series: dict[tuple[str, ...], Series] = {}
        registry.register(self)

    def labels(self, *values: str) -> Series:
        """The series with these values of the labels, made where it is asked for first: keep it."""
        return self._series.setdefault(values, Series(self._bounds))

    def collect(self) -> Iterator[HistogramMetricFamily]:
        """The metric now."""
        family = HistogramMetricFamily(self._name, self._documentation, labels=self._names)
        for values, series in self._series.items():
            series.add_to(family, values)
        yield family
