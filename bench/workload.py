"""What a workload is: cases that are run in turn, what is measured of each, and what is aimed at."""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field

import msgspec

from bench.measuring.machine import Machine


@dataclass(frozen=True)
class Durations:
    """Seconds under load before and while a run is measured."""

    warm_up_s: float
    measure_s: float

    def of_tail(self) -> "Durations":
        """Of a load whose p99 is asked for: of 3 s, one pause of 30 ms on the machine would be it."""
        return Durations(self.warm_up_s, 3 * self.measure_s)

    def calibration(self) -> "Durations":
        """Of the load that finds out what a gateway can take; it warms up for the one that follows."""
        return Durations(self.warm_up_s, max(self.measure_s / 3, 1))


@dataclass(frozen=True)
class Figure:
    """A figure of a run: its name in the results, its heading with the unit, and its decimals."""

    name: str
    heading: str
    decimals: int = 0


@dataclass(frozen=True, kw_only=True)
class Target:
    """An upper bound for the median of `figure` in `case`, as a multiple of `reference`'s where one is named."""

    case: str
    figure: Figure
    at_most: float
    stretch: float | None = None
    reference: str | None = None


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """One run of one case. `fault` says why it does not count; then it has no figures."""

    round: int
    case: str
    figures: dict[str, float]
    fault: str | None = None


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """All runs of one workload, with where, when and how they were made; kept as JSON."""

    workload: str
    command: str
    began_at: str
    durations: Durations
    machine: Machine
    runs: list[Run]

    def figures(self, case: str, name: str) -> dict[int, float]:
        """The figure `name` of `case` by round, of the runs that count and have it."""
        return {run.round: run.figures[name] for run in self.runs if run.case == case and name in run.figures}


MeasureCase = Callable[[str], Awaitable[dict[str, float]]]
"""One run of a case: its figures by name. Raises DoesNotCount."""

Start = Callable[[Durations], AbstractAsyncContextManager[MeasureCase]]
"""Starts the servers that a workload needs."""


@dataclass(frozen=True, kw_only=True)
class Workload:
    """A workload. `figures` are the columns of its table; `plotted` is one of them.

    `references` names for a case the one that it is compared with.
    """

    name: str
    title: str
    explanation: str
    cases: tuple[str, ...]
    figures: tuple[Figure, ...]
    plotted: Figure
    targets: tuple[Target, ...]
    start: Start = field(repr=False)
    references: Mapping[str, str] = field(default_factory=dict)
