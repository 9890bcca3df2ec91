"""`python -m bench.studies.scale`: how many of each service a rate needs, and its first limit, into docs/scale.md.

A process is counted on for the less of two: what its CPU per event would allow on a core of its own, and what one
process was seen to take. Both are medians of the records in docs/benchmarks, and so is what PostgreSQL takes.
"""

import math
import statistics
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from bench import report
from bench.errors import BenchError
from bench.pipelines import OURS
from bench.studies import partitions
from bench.workload import Record
from infra import cost
from pipeline.core import table
from pipeline.core.settings.kafka import KafkaSettings
from stack.home import ROOT

RATES = (1_000, 10_000, 100_000, 1_000_000)
PAGE = ROOT / "docs" / "scale.md"
KEPT = ROOT / "docs" / "benchmarks"
BEGIN, END = "<!-- python -m bench.studies.scale -->", "<!-- end -->"

_FIGURES = {
    "gateway": ("W2", "mensageria at 50%", "gateway_us", "W1", 1),
    "service-b": ("W3", OURS.name, "service_us", "W3", 1),
    "service-c": ("W4", OURS.name, "service_us", "W4", 2),
}
"""The workload, case and figure that tell a service's CPU in microseconds, the workload that tells what it takes, and
how many of what these count an event is: C stores each by both ways.

The gateway's CPU is that of half load: it is never to be full, and where it has room each event wakes it by itself.
"""
_LOAD = "mensageria at 80%"
"""W2's case that the model is not made of, and is held against."""
_BUSY = 0.6
"""Of a process' capacity: what autoscaling aims at, and what is left for a peak and for a task that is lost."""


class Process(NamedTuple):
    """What one process takes, in events a second."""

    cpu_us: float
    measured: float

    @property
    def by_cpu(self) -> float:
        """On a core that it has for itself, if it never waited."""
        return 1e6 / self.cpu_us

    @property
    def capacity(self) -> float:
        """What to count on: B and C wait for their stores with a batch, so their cores are idle meanwhile."""
        return min(self.by_cpu, self.measured)

    def needed(self, rate: float) -> int:
        """How many a rate needs; two at least, so that one may be lost."""
        return max(2, math.ceil(rate / (self.capacity * _BUSY)))


class Limit(NamedTuple):
    """A bound that is no service's own: reached at `events_per_s`, and what is to be changed there."""

    name: str
    events_per_s: float
    change: str


class Load(NamedTuple):
    """A gateway under a known load: how busy the model has it, and how busy it was, as shares of its core."""

    rate: float
    model: float
    measured: float


def processes(kept: Path = KEPT) -> dict[str, Process]:
    """Each service's process. Raises BenchError where a record is missing."""
    found = {}
    for service, (cost_by, case, figure, rate_by, times) in _FIGURES.items():
        cpu_us = _median(_record(kept, cost_by), case, figure)
        rate = _median(_record(kept, rate_by), OURS.name, "events_per_s")
        found[service] = Process(round(times * cpu_us), round(rate / times))
    return found


def load(gateway: Process, kept: Path = KEPT) -> Load:
    """What the model says of a load that was measured apart from what it is made of."""
    record = _record(kept, "W2")
    rate, busy = _median(record, _LOAD, "events_per_s"), _median(record, _LOAD, "gateway_busy") / 100
    return Load(rate, rate * gateway.cpu_us / 1e6, busy)


def rows_per_s() -> tuple[int, float]:
    """What PostgreSQL takes on a core with the most rows that were tried: (rows, rows/s)."""
    found = partitions.kept()
    if not found:
        raise BenchError(f"{partitions.KEPT.name} is missing: run python -m bench.studies.partitions")
    largest = max((each for each in found.measured if each.layout == partitions.AS_IT_IS), key=lambda each: each.rows)
    return largest.rows, 1e6 / statistics.median(largest.insert_us)


def limits(service_c: Process, database: float) -> list[Limit]:
    """The limits in the order in which they come, as the code, the records and AWS' quotas have them."""
    partitions_of_topic = KafkaSettings().partitions
    found = [
        Limit(
            "DynamoDB's index by time", table.SHARDS * 1_000 / 2, "`SHARDS` in pipeline/core/table.py, readers first"
        ),
        Limit(
            "Kafka's partitions", partitions_of_topic * service_c.capacity * _BUSY, "more partitions, then more of C"
        ),
        Limit("PostgreSQL on a core", database, "a larger class; then more databases, by identity"),
        Limit(
            "DynamoDB's new table", 4_000 / cost.table_units(), "`WarmWrites` (infra/template.yaml), before the first"
        ),
        Limit("DynamoDB's quota of a table", 40_000 / cost.table_units(), "ask for a higher quota"),
        Limit(
            "SNS' publish quota (us-east-1)", 30_000, "ask for a higher quota; then a topic for each share of sources"
        ),
        Limit("SQS' messages in flight", 120_000 / 0.5, "a queue for each share, or shorter batches in B and C"),
    ]
    return sorted(found, key=lambda limit: limit.events_per_s)


def lines(found: Mapping[str, Process], seen: Load, database: tuple[int, float]) -> Iterator[str]:
    """All tables in Markdown."""
    yield "| a process of | CPU, µs/event | so on a core, events/s | measured, events/s | counted on, events/s |"
    yield "|---|---:|---:|---:|---:|"
    for service, one in found.items():
        yield f"| {service} | {one.cpu_us:.0f} | {one.by_cpu:,.0f} | {one.measured:,.0f} | {one.capacity:,.0f} |"
    yield ""
    yield "| gateway at events/s | busy by the model | busy as measured |"
    yield "|---:|---:|---:|"
    yield f"| {seen.rate:,.0f} | {seen.model:.0%} | {seen.measured:.0%} |"
    yield ""
    known = limits(found["service-c"], database[1])
    yield "| events/s | " + " | ".join(found) + " | limits passed |"
    yield "|---:" * (len(found) + 2) + "|"
    for rate in RATES:
        needed = [f"{one.needed(rate):,}" for one in found.values()]
        passed = sum(limit.events_per_s < rate for limit in known)
        yield f"| {rate:,} | " + " | ".join(needed) + f" | {passed} of {len(known)} |"
    yield ""
    yield "| comes at events/s | limit | change |"
    yield "|---:|---|---|"
    for limit in known:
        yield f"| {limit.events_per_s:,.0f} | {limit.name} | {limit.change} |"
    yield ""
    yield f"PostgreSQL's figure is that of {database[0]:,} rows ([decision 31](decisions/{partitions.PAGE.name}))."


def written(page: str, kept: Path = KEPT) -> str:
    """The `page` with what the records in `kept` give between its marks."""
    found = processes(kept)
    told = "\n".join(lines(found, load(found["gateway"], kept), rows_per_s()))
    before, _, rest = page.partition(BEGIN)
    return f"{before}{BEGIN}\n\n{told}\n\n{END}{rest.partition(END)[2]}"


def _record(kept: Path, name: str) -> Record:
    record = report.kept(kept, name)
    if not record:
        raise BenchError(f"no record of {name} in {kept}: run make bench WORKLOADS={name}")
    return record


def _median(record: Record, case: str, figure: str) -> float:
    figures = record.figures(case, figure)
    if not figures:
        raise BenchError(
            f"the record of {record.workload} has no {figure} of {case}: make bench WORKLOADS={record.workload}"
        )
    return statistics.median(figures.values())


def write() -> None:
    """Write the tables into the page."""
    PAGE.write_text(written(PAGE.read_text()))


if __name__ == "__main__":
    try:
        write()
    except BenchError as error:
        sys.exit(f"scale: {error}")
