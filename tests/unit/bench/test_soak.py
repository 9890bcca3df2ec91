"""A soak finds what grows, and only that."""

import random
import subprocess
import sys
from pathlib import Path

import pytest

from bench.measuring import machine, processes, slope
from bench.rigs.waiting import Backlog
from bench.soak import OURS, Growth, Soak

MOMENTS = [float(number) for number in range(300)]


def wandering(seed: int) -> list[float]:
    """Samples that keep near the one before, around 100."""
    chance, figure, series = random.Random(seed), 0.0, []
    for _ in MOMENTS:
        figure = 0.8 * figure + chance.gauss(0, 1)
        series.append(100 + figure)
    return series


def test_growth_is_found_and_its_rate() -> None:
    series = [figure + 0.1 * moment for figure, moment in zip(wandering(1), MOMENTS, strict=True)]
    found = slope.of(MOMENTS, series)
    assert found.per_s == pytest.approx(0.1, abs=0.02)
    assert 0.07 < found.least_per_s < found.per_s < found.most_per_s < 0.13


def test_what_only_wanders_is_not_called_growth() -> None:
    certain = [slope.of(MOMENTS, wandering(seed)).least_per_s > 0 for seed in range(200)]
    assert sum(certain) < 200 * 0.07


def test_a_constant_does_not_grow() -> None:
    assert slope.of(MOMENTS, [7.0] * len(MOMENTS)) == slope.Slope(0, 0, 0)


def soaked(growth: Growth, most_behind: int = 10) -> Soak:
    flat = Growth(100, (0, 0), 50, (0, 0))
    return Soak(
        "", 30, 100, 1000, most_behind, "in minute 3", dict.fromkeys(OURS, flat) | {"web": growth}, machine.this()
    )


@pytest.mark.parametrize(
    ("found", "faults"),
    [
        (soaked(Growth(100, (0, 5), 50, (0, 2))), 0),
        (soaked(Growth(100, (-5, 5.1), 50, (0, 0))), 1),
        (soaked(Growth(100, (0, 0), 50, (-1, 2.6))), 1),
        (soaked(Growth(100, (0, 0), 50, (0, 0)), most_behind=201), 1),
    ],
)
def test_a_soak_fails_for_growth_over_a_twentieth_and_for_lag_over_two_seconds(found: Soak, faults: int) -> None:
    assert len(found.faults()) == faults


def test_an_event_that_waits_in_several_places_is_behind_once() -> None:
    behind = Backlog(unaccepted=3, queued={"queue b": 10, "queue c": 40, "kafka": 30})
    assert (behind.events, behind.place) == (43, "queue c")
    assert (Backlog(3, {}).events, Backlog(3, {}).place) == (3, "gateway")


def test_memory_and_descriptors_of_a_process_and_its_children_are_counted(tmp_path: Path) -> None:
    holding = f"held = b'x' * 50_000_000; files = [open('{tmp_path}/f', 'a') for _ in range(30)]"
    child = f"import sys; {holding}; print(flush=True); sys.stdin.read()"
    parent = f"import subprocess, sys; sys.exit(subprocess.call([sys.executable, '-c', {child!r}]))"
    with subprocess.Popen([sys.executable, "-c", parent], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.readline()
        held = processes.held({"it": process.pid})["it"]
        process.communicate()
    assert held.memory_mib > 48
    assert held.descriptors >= 30


def test_a_process_that_is_gone_holds_nothing() -> None:
    assert processes.held({}) == {}
    assert processes._of_one(Path("/proc/0")) == (0.0, 0)
