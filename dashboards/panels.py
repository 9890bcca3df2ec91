"""Building blocks of a dashboard: panels with a title, a description, a unit and queries, in rows."""

import itertools
from collections.abc import Sequence
from typing import NamedTuple

from grafana_foundation_sdk.builders import common, dashboard, prometheus, stat, timeseries
from grafana_foundation_sdk.models.common import BigValueGraphMode, LegendDisplayMode, LegendPlacement, VisibilityMode
from grafana_foundation_sdk.models.dashboard import (
    Dashboard,
    DashboardCursorSync,
    DashboardLinkType,
    DataSourceRef,
    Threshold,
    ThresholdsMode,
)

TAG = "mensageria"
_SOURCE = DataSourceRef(type_val="prometheus", uid="${datasource}")
_WIDTH, _HEIGHT = 24, 8

Panel = stat.Panel | timeseries.Panel


class Query(NamedTuple):
    """A query with the legend of its lines; with `exemplar` its points lead to traces."""

    expr: str
    legend: str
    exemplar: bool = False


class Row(NamedTuple):
    """Panels beside one another."""

    title: str
    panels: Sequence[Panel]


def lines(title: str, description: str, unit: str, *queries: Query) -> timeseries.Panel:
    """Lines over time, from 0 up; `unit` is Grafana's name of it."""
    panel = (
        timeseries.Panel()
        .title(title)
        .description(description)
        .datasource(_SOURCE)
        .unit(unit)
        .min(0)
        .fill_opacity(8)
        .show_points(VisibilityMode.NEVER)
        .legend(
            common.VizLegendOptions()
            .display_mode(LegendDisplayMode.LIST)
            .placement(LegendPlacement.BOTTOM)
            .show_legend(True)
        )
    )
    for ref_id, query in zip("ABCDEF", queries, strict=False):
        panel = panel.with_target(_target(query).range().ref_id(ref_id))
    return panel


def number(title: str, description: str, unit: str, query: Query, *, bad_from: float | None = None) -> stat.Panel:
    """The value now of each line of `query`: green, and red from `bad_from` on."""
    steps = [Threshold(value=None, color="green" if bad_from is not None else "text")]
    if bad_from is not None:
        steps.append(Threshold(value=bad_from, color="red"))
    return (
        stat.Panel()
        .title(title)
        .description(description)
        .datasource(_SOURCE)
        .unit(unit)
        .graph_mode(BigValueGraphMode.AREA)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]).values(False).fields(""))
        .thresholds(dashboard.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(steps))
        .with_target(_target(query).range().ref_id("A"))
    )


def board(uid: str, title: str, description: str, *rows: Row) -> Dashboard:
    """A dashboard over the last hour, with links to the others; its address has `uid` in it."""
    made = (
        dashboard.Dashboard(title)
        .uid(f"{TAG}-{uid}")
        .description(description)
        .tags([TAG])
        .readonly()
        .time("now-1h", "now")
        .refresh("10s")
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .with_variable(dashboard.DatasourceVariable("datasource").label("Prometheus").type("prometheus"))
        .link(
            dashboard.DashboardLink("Mensageria")
            .type(DashboardLinkType.DASHBOARDS)
            .tags([TAG])
            .keep_time(True)
            .as_dropdown(False)
        )
    )
    numbers = itertools.count(1)
    for row in rows:
        made = made.with_row(dashboard.Row(row.title).id(next(numbers)))
        for panel in row.panels:
            made = made.with_panel(panel.id(next(numbers)).span(_WIDTH // len(row.panels)).height(_HEIGHT))
    return made.build()


def rate(metric: str, by: str = "", where: str = "") -> str:
    """Its sum over all processes a second, for each value of the labels `by`."""
    grouped = f" by ({by})" if by else ""
    selected = f"{metric}{{{where}}}" if where else metric
    return f"sum{grouped} (rate({selected}[$__rate_interval]))"


def quantile(share: float, metric: str, by: str = "", where: str = "") -> str:
    """The quantile of a histogram, for each value of the labels `by`."""
    return f"histogram_quantile({share}, {rate(f'{metric}_bucket', ', '.join(filter(None, (by, 'le'))), where)})"


def mean(metric: str, by: str = "", where: str = "") -> str:
    """The mean of a histogram, for each value of the labels `by`."""
    return f"{rate(f'{metric}_sum', by, where)} / {rate(f'{metric}_count', by, where)}"


def _target(query: Query) -> prometheus.Dataquery:
    return prometheus.Dataquery().expr(query.expr).legend_format(query.legend).exemplar(query.exemplar)
