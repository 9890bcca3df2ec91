"""A run second by second, drawn: load, faults, backlog, latency."""

from collections import Counter
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tests.chaos.journal import ACCEPTED
from tests.chaos.run import Run

_ACCEPTED, _FAILED, _FAULT = "#0b6e4f", "#b3402a", "#e8b84b"
_HEIGHTS, _WIDTH = (1.0, 0.8, 1.2, 1.2), 9.0
_SHORTEST_S = 0.3
"""Of a bar that can be seen: a kill takes no time."""


def write(file: Path, run: Run) -> None:
    """An SVG of `run`, in seconds since the load's begin."""
    with mpl.rc_context({"svg.hashsalt": "mensageria", "svg.fonttype": "none", "font.family": "sans-serif"}):
        figure = Figure(figsize=(_WIDTH, 7), layout="constrained")
        axes = figure.subplots(4, 1, sharex=True, gridspec_kw={"height_ratios": _HEIGHTS})
        for one, draw in zip(axes, (_load, _faults, _backlog, _latency), strict=True):
            draw(one, run)
            one.spines[["top", "right"]].set_visible(False)
        axes[0].set_title(f"Seed {run.seed}", loc="left", fontsize=10, fontweight="bold")
        axes[-1].set_xlabel("seconds since the load's begin")
        axes[-1].set_xlim(0, run.load_s + run.rest_s)
        figure.savefig(file, metadata={"Date": None})


def _load(axes: Axes, run: Run) -> None:
    accepted, failed = Counter[int](), Counter[int]()
    for attempt in run.told.attempts:
        if attempt.ended_at is not None:
            second = int(attempt.ended_at - run.begun)
            (accepted if attempt.status == ACCEPTED else failed)[second] += len(attempt.events)
    seconds = range(int(run.load_s + run.rest_s) + 1)
    axes.plot(seconds, [accepted[each] for each in seconds], color=_ACCEPTED, label="accepted")
    axes.plot(seconds, [failed[each] for each in seconds], color=_FAILED, label="not accepted")
    axes.set_ylabel("events/s")
    axes.legend(frameon=False, fontsize=8)


def _faults(axes: Axes, run: Run) -> None:
    for row, fault in enumerate(run.faults):
        axes.barh(row, max(fault.for_s, _SHORTEST_S), left=fault.at_s, color=_FAULT, height=0.7)
        axes.annotate(f"{fault.what} {fault.target}", (fault.at_s, row), fontsize=8, va="center")
    axes.set_yticks([])
    axes.set_ylim(max(len(run.faults), 1) - 0.5, -0.5)
    axes.set_ylabel("faults")


def _backlog(axes: Axes, run: Run) -> None:
    seconds = [sample.at - run.begun for sample in run.samples]
    for name in ("queue_b", "queue_c", "kafka"):
        axes.plot(seconds, [getattr(sample, name) for sample in run.samples], label=name.replace("_", " "))
    axes.set_ylabel("waiting")
    axes.legend(frameon=False, fontsize=8)


def _latency(axes: Axes, run: Run) -> None:
    answered = [each for each in run.told.attempts if each.status == ACCEPTED and each.ended_at is not None]
    ends = [(each.ended_at or 0) - run.begun for each in answered]
    axes.scatter(ends, [end + run.begun - each.sent_at for end, each in zip(ends, answered, strict=True)], s=3)
    axes.set_yscale("log")
    axes.set_ylabel("s until 202")
