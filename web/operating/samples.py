"""The counters of the last minutes, and what they say: rates and quantiles over time."""

import math
from collections import deque
from collections.abc import Mapping
from typing import NamedTuple

from web.operating.exposition import Series


class Sample(NamedTuple):
    """The counters at one moment (seconds of a clock that never goes back), free of restarts."""

    at: float
    totals: dict[Series, float]


Point = tuple[float, float | None]
"""A moment, and the value then; None where a service did not tell."""


class Samples:
    """The samples of the last `span_s` seconds.

    A counter that is smaller than before belongs to a service that was started again:
    it has counted from zero since.
    """

    def __init__(self, span_s: float) -> None:
        self.span_s = span_s
        self._ring: deque[Sample] = deque()
        self._raw: dict[Series, float] = {}
        self._totals: dict[Series, float] = {}

    def add(self, at: float, counters: Mapping[Series, float]) -> None:
        """What was scraped at `at`, later than all before; a service that did not answer is not in it."""
        for series, value in counters.items():
            before = self._raw.get(series, value)
            self._totals[series] = self._totals.get(series, 0.0) + (value - before if value >= before else value)
            self._raw[series] = value
        self._ring.append(Sample(at, {series: self._totals[series] for series in counters}))
        while self._ring[0].at < at - self.span_s:
            self._ring.popleft()

    def rates(self, series: Series, window_s: float) -> list[Point]:
        """Events a second at each sample, over the `window_s` before it."""
        points: list[Point] = []
        for index, sample in enumerate(self._ring):
            before = self._before(index, series, window_s)
            points.append((sample.at, _rate(before, sample, series) if before else None))
        return points

    def quantiles(self, beginning: Series, share: float, window_s: float) -> list[Point]:
        """The quantile `share` of a histogram at each sample, over the `window_s` before it; None where it is empty."""
        buckets = sorted((_bound(series), series) for series in self._totals if series[:-1] == beginning)
        if not buckets:
            return [(sample.at, None) for sample in self._ring]
        points: list[Point] = []
        for index, sample in enumerate(self._ring):
            before = self._before(index, buckets[0][1], window_s)
            counts = [(bound, _growth(before, sample, series)) for bound, series in buckets] if before else []
            points.append((sample.at, quantile(counts, share)))
        return points

    def _before(self, index: int, series: Series, window_s: float) -> Sample | None:
        """The first sample of the window that ends at `index`, or else the last one before it, that has `series`."""
        now = self._ring[index]
        if series not in now.totals:
            return None
        found = None
        for earlier in range(index - 1, -1, -1):
            sample = self._ring[earlier]
            if sample.at < now.at - window_s and found:
                break
            if series in sample.totals:
                found = sample
        return found


def quantile(buckets: list[tuple[float, float]], share: float) -> float | None:
    """The quantile `share` (0 to 1) of cumulative `buckets` (upper bound, count), as Prometheus reckons it.

    Within a bucket it is on a straight line; in the last one, which is open, the bound before it.
    """
    if not buckets or buckets[-1][1] <= 0:
        return None
    rank = share * buckets[-1][1]
    lower, below = 0.0, 0.0
    for bound, count in buckets:
        if count >= rank:
            return lower if math.isinf(bound) else lower + (bound - lower) * (rank - below) / (count - below)
        lower, below = bound, count
    return lower


def _rate(before: Sample, sample: Sample, series: Series) -> float:
    return _growth(before, sample, series) / (sample.at - before.at)


def _growth(before: Sample, sample: Sample, series: Series) -> float:
    return sample.totals.get(series, 0.0) - before.totals.get(series, 0.0)


def _bound(series: Series) -> float:
    return float(series[-1])
