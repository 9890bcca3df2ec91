"""How many of each service a rate needs: the tables of docs/scale.md."""

from pathlib import Path

import pytest

from bench import report
from bench.errors import BenchError
from bench.measuring.machine import Machine
from bench.studies import scale
from bench.studies.scale import Process
from bench.workload import Durations, Record, Run
from infra import cost

MACHINE = Machine(cpu="", cores=2, memory_gib=4, system="", python="", commit="", packages={}, servers={})


def keep(folder: Path, workload: str, *figures: dict[str, float], case: str = "mensageria") -> None:
    runs = [Run(case=case, round=number, figures=each) for number, each in enumerate(figures)]
    durations = Durations(0, 1)
    record = Record(workload=workload, command="", began_at="", durations=durations, machine=MACHINE, runs=runs)
    report.keep(folder, record)


def test_the_page_has_what_the_kept_records_give() -> None:
    """Else: python -m bench.studies.scale."""
    page = scale.PAGE.read_text()
    assert scale.written(page) == page


def test_a_process_is_counted_on_for_what_it_was_seen_to_take(tmp_path: Path) -> None:
    keep(tmp_path, "W1", {"events_per_s": 6_000})
    keep(tmp_path, "W2", {"gateway_us": 200}, case="mensageria at 50%")
    keep(tmp_path, "W3", *({"service_us": us, "events_per_s": 4_000} for us in (90.0, 100.0, 400.0)))
    keep(tmp_path, "W4", {"service_us": 100, "events_per_s": 4_000})
    found = scale.processes(tmp_path)
    assert {name: one.capacity for name, one in found.items()} == {
        "gateway": 5_000,  # by its CPU
        "service-b": 4_000,  # the median has room on its core, but waits
        "service-c": 2_000,  # an event is two of what it counts
    }


def test_a_record_that_is_missing_is_named(tmp_path: Path) -> None:
    keep(tmp_path, "W1", {"events_per_s": 6_000})
    keep(tmp_path, "W2", {"gateway_us": 200}, case="mensageria at 50%")
    with pytest.raises(BenchError, match=r"no record of W3 .* make bench WORKLOADS=W3"):
        scale.processes(tmp_path)


@pytest.mark.parametrize(("rate", "needed"), [(1, 2), (12_000, 2), (12_001, 3), (120_000, 20)])
def test_a_process_of_10000_a_second_is_given_6000(rate: int, needed: int) -> None:
    assert Process(cpu_us=100, measured=20_000).needed(rate) == needed


def test_the_limits_come_in_their_order() -> None:
    found = scale.limits(Process(100, 10_000), database=500)
    assert [limit.events_per_s for limit in found] == sorted(limit.events_per_s for limit in found)
    assert (found[0].name, found[-1].name) == ("PostgreSQL on a core", "SQS' messages in flight")


def test_the_model_is_near_what_was_measured() -> None:
    """Of a load that it is not made of, where fewer events wake the gateway by themselves."""
    load = scale.load(scale.processes()["gateway"])
    assert 0.6 < load.model / load.measured < 1.3, load


@pytest.mark.parametrize("service", cost.TASK_EVENTS_PER_S)
def test_what_aws_costs_counts_on_half_of_that_for_a_vcpu(service: str) -> None:
    one = scale.processes()[service]
    assert 0.7 < cost.TASK_EVENTS_PER_S[service] / (one.capacity * 0.6 / 2) < 1.2
