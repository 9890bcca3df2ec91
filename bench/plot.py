"""The plot of the main figure of each workload, by case."""

from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.measuring import spread
from bench.report import Records
from bench.workload import Record, Workload

_OURS, _OTHERS = "#0b6e4f", "#9aa5b1"
_HEIGHT_OF_BAR, _HEIGHT_OF_FRAME, _WIDTH = 0.42, 1.1, 8.0


def write(file: Path, records: Records) -> None:
    """An SVG with one row of bars a workload: medians, with least and greatest. The same records give the same file."""
    heights = [_HEIGHT_OF_FRAME + _HEIGHT_OF_BAR * len(workload.cases) for workload, _ in records]
    with mpl.rc_context({"svg.hashsalt": "mensageria", "svg.fonttype": "none", "font.family": "sans-serif"}):
        figure = Figure(figsize=(_WIDTH, sum(heights)), layout="constrained")
        rows = figure.subplots(len(records), 1, squeeze=False, gridspec_kw={"height_ratios": heights})
        for (axes,), (workload, record) in zip(rows, records, strict=True):
            _bars(axes, workload, record)
        figure.savefig(file, metadata={"Date": None})


def _bars(axes: Axes, workload: Workload, record: Record) -> None:
    plotted = workload.plotted
    measured = {case: list(record.figures(case, plotted.name).values()) for case in workload.cases}
    spreads = {case: spread.of(figures) for case, figures in measured.items() if figures}
    medians = [each.median for each in spreads.values()]
    ranges = [
        [each.median - each.least for each in spreads.values()],
        [each.greatest - each.median for each in spreads.values()],
    ]
    colours = [
        _OTHERS if case.startswith(("naive", "plain", "FastStream")) or "Powertools" in case else _OURS
        for case in spreads
    ]
    axes.barh(list(spreads), medians, xerr=ranges, color=colours, height=0.6, error_kw={"capsize": 3, "lw": 1})
    for position, each in enumerate(spreads.values()):
        text = f"{each.median:,.{plotted.decimals}f}"
        axes.annotate(text, (each.greatest, position), xytext=(6, 0), textcoords="offset points", va="center")
    axes.set_title(f"{workload.name}: {plotted.heading}", loc="left", fontsize=10, fontweight="bold")
    axes.margins(x=0.14)
    axes.set_xlim(left=0)
    axes.invert_yaxis()
    axes.spines[["top", "right"]].set_visible(False)
