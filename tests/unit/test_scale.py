"""How many of each service a rate needs: the tables of docs/scale.md."""

import re
from pathlib import Path

import pytest

from bench import report, scale
from bench.machine import Machine
from bench.workload import Durations, Record, Run


def test_the_page_has_what_the_model_answers_for_the_costs_that_it_names() -> None:
    page = scale.PAGE.read_text()
    costs = {service: float(cost) for service, cost in re.findall(r"([a-z-]+) (\d+) µs[,.]", page)}
    assert costs.keys() == scale.FIGURES.keys()
    assert scale.written(page, costs) == page


def test_costs_are_the_medians_of_what_was_kept(tmp_path: Path) -> None:
    runs = [
        Run(case="mensageria", round=number, figures={"service_us": cost})
        for number, cost in enumerate([90.0, 110, 400])
    ]
    machine = Machine(cpu="", cores=2, memory_gib=4, system="", python="", commit="", packages={}, servers={})
    report.keep(
        tmp_path,
        Record(workload="W4", command="", began_at="", durations=Durations(0, 1), machine=machine, runs=runs),
    )
    costs = scale.costs_us(tmp_path)
    assert costs == {"gateway": scale.FALLBACK_US, "service-b": scale.FALLBACK_US, "service-c": 220}


@pytest.mark.parametrize(("rate", "needed"), [(1, 2), (12_000, 2), (12_001, 3), (120_000, 20)])
def test_a_core_of_100_us_an_event_takes_6000_a_second(rate: int, needed: int) -> None:
    assert scale.processes(rate, 100) == needed


def test_the_index_comes_first_of_what_no_service_can_mend() -> None:
    costs = dict.fromkeys(scale.FIGURES, 100.0)
    order = [limit.name for limit in scale.limits(costs)]
    assert order[0] in ("DynamoDB's index by time", "PostgreSQL on two cores")
    assert order[-1] == "SQS' messages in flight"
