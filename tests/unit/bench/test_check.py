"""A check fails where a ratio is worse than the kept one by more than its spread, and nowhere else."""

import pytest

from bench import check
from bench.measuring import machine
from bench.workload import Durations, Figure, Record, Run, Target, Workload
from tests.unit.bench.test_runs import workload

COST = Figure("cost_us", "CPU µs/event")
TARGET = Target(case="ours", figure=COST, at_most=0.5, reference="naive")
MADE: Workload = workload({"ours": [], "naive": []}, TARGET)


def record(*ours: float) -> Record:
    """A record in which naive's figure is always 100."""
    runs = [
        Run(round=number, case=case, figures={COST.name: figure})
        for number, own in enumerate(ours)
        for case, figure in (("ours", own), ("naive", 100.0))
    ]
    return Record(workload="W0", command="", began_at="", durations=Durations(1, 1), machine=machine.this(), runs=runs)


@pytest.mark.parametrize(("now", "lines"), [(10.0, 0), (14.0, 0), (14.1, 1), (5.0, 0)])
def test_a_ratio_may_be_worse_by_the_kept_ones_spread(now: float, lines: int) -> None:
    kept = record(8.0, 10.0, 12.0)
    assert len(list(check.worse(MADE, kept, record(now, now, now)))) == lines


def test_no_run_that_counts_is_a_failure() -> None:
    assert "no run counts" in next(check.worse(MADE, record(8.0), record()))
    assert "nothing is kept" in next(check.worse(MADE, record(), record(8.0)))


def test_the_subset_has_a_ratio_to_hold_in_each_workload() -> None:
    for each in check.subset():
        assert {target.reference for target in each.targets} == {each.cases[1]}
