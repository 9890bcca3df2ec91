"""Whether a series of figures grows: its slope by least squares, with the bounds of that."""

import itertools
import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

_TWO_SIDED_95 = 1.96
"""Of the normal distribution: a soak has hundreds of samples."""


@dataclass(frozen=True)
class Slope:
    """Growth a second, and the least and the most that 95 % confidence leaves."""

    per_s: float
    least_per_s: float
    most_per_s: float


def of(moments_s: Sequence[float], figures: Sequence[float]) -> Slope:
    """The slope of `figures` over `moments_s`; at least three of them.

    Neighbouring samples are alike, which makes the plain error of the slope too small: it is
    widened by their correlation (a first-order autoregression).
    """
    slope, intercept = statistics.linear_regression(moments_s, figures)
    rests = [figure - intercept - slope * moment for moment, figure in zip(moments_s, figures, strict=True)]
    spread = math.sqrt(sum((moment - statistics.fmean(moments_s)) ** 2 for moment in moments_s))
    error = math.sqrt(sum(rest**2 for rest in rests) / (len(figures) - 2)) / spread
    margin = _TWO_SIDED_95 * error * _widening(rests)
    return Slope(slope, slope - margin, slope + margin)


def _widening(rests: Sequence[float]) -> float:
    total = sum(rest**2 for rest in rests)
    if not total:
        return 1.0
    alike = sum(one * other for one, other in itertools.pairwise(rests)) / total
    alike = min(max(alike, 0.0), 0.99)
    return math.sqrt((1 + alike) / (1 - alike))
