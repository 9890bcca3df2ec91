"""Which runs count, in which order they are made, and what the report says of them."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from bench import catalogue, plot, report, rounds
from bench.errors import BenchError, DoesNotCount
from bench.load.plan import Outcome
from bench.measuring import spread
from bench.measuring.spread import Spread
from bench.rigs.gateway_rig import Taken, require_accepted, require_taken
from bench.workload import Durations, Figure, MeasureCase, Record, Target, Workload

COST = Figure("cost_us", "CPU µs/event")
TARGET = Target(case="ours", figure=COST, at_most=0.14, reference="naive")
DURATIONS = Durations(warm_up_s=1, measure_s=2)


def workload(figures: Mapping[str, list[float | str]], target: Target = TARGET) -> Workload:
    """A workload whose runs have these figures, or fail with these texts."""
    left = {case: list(values) for case, values in figures.items()}

    @asynccontextmanager
    async def start(_: Durations) -> AsyncGenerator[MeasureCase, None]:
        async def measure(case: str) -> dict[str, float]:
            figure = left[case].pop(0)
            if isinstance(figure, str):
                raise DoesNotCount(figure)
            return {COST.name: figure}

        yield measure

    return Workload(
        name="W0",
        title="A trial",
        explanation="How to read it.",
        cases=tuple(figures),
        figures=(COST,),
        plotted=COST,
        references={"ours": "naive"},
        targets=(target,),
        start=start,
    )


async def recorded(made: Workload, count: int) -> Record:
    return await rounds.record(made, count, DURATIONS, command="python -m bench", say=lambda _: None)


def outcome(accepted: int = 10, refused: dict[int, int] | None = None, unanswered: int = 0, events: int = 5) -> Outcome:
    return Outcome(
        began_at=0,
        sent=10,
        accepted=accepted,
        refused=refused or {},
        unanswered=unanswered,
        events=events,
        seconds=1,
        cpu_s={},
        waited_s={},
        latency_ms={},
    )


def test_a_run_in_which_all_is_where_it_should_be_counts() -> None:
    require_accepted(outcome())
    require_taken(10, Taken(sns_events=10, sns_calls=3, kafka_events=10))


@pytest.mark.parametrize(
    ("told", "why"),
    [
        (outcome(accepted=9, refused={503: 1}), "1 were refused {503: 1}"),
        (outcome(accepted=9, unanswered=1), "1 had no answer"),
        (outcome(events=0), "no event was accepted in the 1.0 s that were measured"),
    ],
)
def test_a_run_with_an_event_that_was_not_accepted_does_not_count(told: Outcome, why: str) -> None:
    with pytest.raises(DoesNotCount) as caught:
        require_accepted(told)
    assert why in str(caught.value)


@pytest.mark.parametrize(
    ("taken", "why"),
    [
        (Taken(9, 9, 10), "10 events were accepted, and SNS has 9"),
        (Taken(10, 9, 9), "10 events were accepted, and Kafka has 9"),
        (Taken(10, 9, 11), "10 events were accepted, and Kafka has 11"),
    ],
)
def test_a_run_in_which_something_is_missing_does_not_count(taken: Taken, why: str) -> None:
    with pytest.raises(DoesNotCount) as caught:
        require_taken(10, taken)
    assert why in str(caught.value)


async def test_cases_are_run_in_turn_and_a_fault_is_kept() -> None:
    record = await recorded(workload({"ours": [1.0, "lost one", 3.0], "naive": [10.0, 20.0, 30.0]}), 3)
    assert [(run.round, run.case) for run in record.runs] == [
        *((1, "ours"), (1, "naive"), (2, "ours"), (2, "naive"), (3, "ours"), (3, "naive")),
    ]
    assert record.runs[2].fault == "lost one"
    assert record.figures("ours", COST.name) == {1: 1.0, 3: 3.0}


async def test_the_table_has_medians_with_their_range_and_the_ratio_of_the_same_rounds() -> None:
    made = workload({"ours": [10.0, 12.0, "lost one"], "naive": [100.0, 110.0, 90.0]})
    _, _, ours, naive = report.table(made, await recorded(made, 3))
    assert ours == "| ours | 11 (10 to 12) | 0.105 (0.100 to 0.109) | 2 of 3 |"
    assert naive == "| naive | 100 (90 to 110) | - | 3 of 3 |"


@pytest.mark.parametrize(
    ("figures", "target", "said"),
    [
        ([10.0], TARGET, "≤ 0.14 of naive's: 0.100 (0.100 to 0.100), **met**"),
        ([20.0], TARGET, "0.200 (0.200 to 0.200), **missed**"),
        ([5.0], replace(TARGET, stretch=0.07), "(stretch 0.07): 0.050 (0.050 to 0.050), **met, and the stretch**"),
        ([30.0], replace(TARGET, at_most=25, reference=None), "CPU µs/event ≤ 25: 30 (30 to 30), **missed**"),
        (["lost one"], TARGET, "**not measured**"),
    ],
)
async def test_a_target_is_met_or_not(figures: list[float | str], target: Target, said: str) -> None:
    made = workload({"ours": figures, "naive": [100.0]}, target)
    assert said in report.verdict(made.targets[0], await recorded(made, 1))


async def test_the_page_comes_from_the_kept_records_alone(tmp_path: Path) -> None:
    made = workload({"ours": [10.0, "lost one"], "naive": [100.0, 100.0]})
    folder = tmp_path / "benchmarks"
    report.keep(folder, await recorded(made, 2))
    page = report.write(folder, report.all_kept(folder, {made.name: made}))
    assert page == tmp_path / "benchmarks.md"
    text = page.read_text()
    assert "## W0: A trial" in text
    assert "- ours, round 2, does not count: lost one" in text
    assert "`python -m bench`" in text
    assert "(benchmarks/benchmarks.svg)" in text
    assert "| ours | 10 (10 to 10) | 0.100 (0.100 to 0.100) | 1 of 2 |" in text


async def test_the_plot_is_the_same_for_the_same_records(tmp_path: Path) -> None:
    made = workload({"ours": [10.0, "lost one"], "naive": [100.0, 100.0]})
    records = [(made, await recorded(made, 2))]
    plot.write(tmp_path / "one.svg", records)
    plot.write(tmp_path / "two.svg", records)
    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "two.svg").read_bytes()
    assert "W0: CPU µs/event" in (tmp_path / "one.svg").read_text()


def test_a_spread_is_the_median_with_its_range() -> None:
    assert spread.of([3.0, 1.0, 2.0]) == Spread(2.0, 1.0, 3.0)
    assert spread.of_ratios([1.0, 4.0, 3.0], [2.0, 4.0, 10.0]) == Spread(0.75, 0.3, 1.0)


def test_a_percentile_is_a_figure_that_was_measured() -> None:
    ordered = [float(number) for number in range(1, 1001)]
    assert [spread.percentile(ordered, percent) for percent in (50, 99, 99.9, 100)] == [500, 990, 999, 1000]
    assert spread.percentile([7.0], 99.9) == 7


def test_workloads_are_chosen_by_name() -> None:
    assert [each.name for each in catalogue.chosen(["w2"])] == ["W2"]
    assert [each.name for each in catalogue.chosen([])] == list(catalogue.ALL)
    with pytest.raises(BenchError, match="no workload is called W99"):
        catalogue.chosen(["W99"])
