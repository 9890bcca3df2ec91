"""`python -m bench.scale`: how many of each service a rate needs, and which limit comes first, into docs/scale.md.

CPU per event is the median of the kept records (docs/benchmarks); where there is none, the FALLBACK_US.
"""

import math
import statistics
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from bench import report
from bench.pipelines import OURS
from pipeline import table
from pipeline.settings import KafkaSettings
from stack.home import ROOT

RATES = (1_000, 10_000, 100_000, 1_000_000)
PAGE = ROOT / "docs" / "scale.md"
KEPT = ROOT / "docs" / "benchmarks"
BEGIN, END = "<!-- python -m bench.scale -->", "<!-- end -->"

FIGURES = {
    "gateway": ("W1", "gateway_us", 1),
    "service-b": ("W3", "service_us", 1),
    "service-c": ("W4", "service_us", 2),
}
"""The workload and the figure that tell a service's CPU, in microseconds, and how many of those an event takes:
C stores each event by both ways."""

FALLBACK_US = 250.0
"""Until there are records: about 4,000 events a second on a core, as bench/drains.py expects of B and C."""

_BUSY = 0.6
"""Of a core: what autoscaling aims at, and what is left for a peak and for a task that is lost."""


class Limit(NamedTuple):
    """A bound that is no service's own: reached at `events_per_s`, and what is to be changed there."""

    name: str
    events_per_s: float
    change: str


def costs_us(kept: Path = KEPT) -> dict[str, float]:
    """CPU per event of each service, in microseconds on one core."""
    return {
        service: round(times * (_median(kept, name, figure) or FALLBACK_US))
        for service, (name, figure, times) in FIGURES.items()
    }


def capacity(cost_us: float) -> float:
    """Events a second of one process that has a core for itself and is never idle."""
    return 1e6 / cost_us


def processes(rate: int, cost_us: float) -> int:
    """How many a rate needs; two at least, so that one may be lost."""
    return max(2, math.ceil(rate / (capacity(cost_us) * _BUSY)))


def limits(costs: Mapping[str, float]) -> list[Limit]:
    """The limits in the order in which they come, as the code and AWS' quotas have them."""
    partitions = KafkaSettings().partitions
    found = [
        Limit("DynamoDB's index by time", table.SHARDS * 1_000 / 2, "`SHARDS` in pipeline/table.py, readers first"),
        Limit(
            "Kafka's partitions", partitions * capacity(costs["service-c"]) * _BUSY, "more partitions, then more of C"
        ),
        Limit("PostgreSQL on two cores", capacity(FALLBACK_US), "a larger class; then more databases, by identity"),
        Limit("DynamoDB's quota of a table", 40_000 / 2, "ask for a higher quota, or warm throughput"),
        Limit(
            "SNS' publish quota (us-east-1)", 30_000, "ask for a higher quota; then a topic for each share of sources"
        ),
        Limit("SQS' messages in flight", 120_000 / 0.5, "a queue for each share, or shorter batches in B and C"),
    ]
    return sorted(found, key=lambda limit: limit.events_per_s)


def lines(costs: Mapping[str, float]) -> Iterator[str]:
    """Both tables in Markdown."""
    yield "| events/s | " + " | ".join(costs) + " | limits passed |"
    yield "|---:" * (len(costs) + 2) + "|"
    for rate in RATES:
        needed = [f"{processes(rate, cost):,}" for cost in costs.values()]
        passed = sum(limit.events_per_s < rate for limit in limits(costs))
        yield f"| {rate:,} | " + " | ".join(needed) + f" | {passed} of {len(limits(costs))} |"
    yield ""
    yield "| comes at events/s | limit | change |"
    yield "|---:|---|---|"
    for limit in limits(costs):
        yield f"| {limit.events_per_s:,.0f} | {limit.name} | {limit.change} |"


def written(page: str, costs: Mapping[str, float]) -> str:
    """The `page` with the tables for `costs` between its marks."""
    before, _, rest = page.partition(BEGIN)
    used = ", ".join(f"{service} {cost:.0f} µs" for service, cost in costs.items())
    told = "\n".join(lines(costs))
    return f"{before}{BEGIN}\n\nCPU per event: {used}.\n\n{told}\n\n{END}{rest.partition(END)[2]}"


def _median(kept: Path, name: str, figure: str) -> float | None:
    record = report.kept(kept, name)
    found = record.figures(OURS.name, figure) if record else {}
    return statistics.median(found.values()) if found else None


def main() -> None:
    """Write the tables into the page."""
    costs = costs_us()
    PAGE.write_text(written(PAGE.read_text(), costs))
    sys.stdout.write("\n".join(lines(costs)) + "\n")


if __name__ == "__main__":
    main()
