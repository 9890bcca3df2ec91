"""What several runs say together: a median and the range around it."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Spread:
    """The median of several runs' figures, with the least and the greatest."""

    median: float
    least: float
    greatest: float


def of(figures: Sequence[float]) -> Spread:
    """The spread of at least one figure."""
    return Spread(statistics.median(figures), min(figures), max(figures))


def of_ratios(figures: Sequence[float], references: Sequence[float]) -> Spread:
    """`figures` over the `references` of the same rounds: ratio of the medians, range of the rounds' own ratios."""
    ratios = [figure / reference for figure, reference in zip(figures, references, strict=True)]
    return Spread(statistics.median(figures) / statistics.median(references), min(ratios), max(ratios))


def percentile(ordered: Sequence[float], percent: float) -> float:
    """The least of the `ordered` figures that `percent` of them don't exceed (nearest rank)."""
    return ordered[max(math.ceil(len(ordered) * percent / 100), 1) - 1]
