"""Schedules of the fault kit: a seed is enough to repeat one."""

from itertools import combinations

from tests.chaos.faults import DO
from tests.chaos.foreign import WHAT
from tests.chaos.schedule import KINDS, LOAD_S, draw
from tests.chaos.test_faults import SHORT
from tests.chaos.test_faults_for_long import LONG

SEEDS = range(500)


def test_a_seed_draws_the_same_faults_again() -> None:
    assert draw(42) == draw(42) != draw(43)


def test_every_fault_is_drawn_and_can_be_done() -> None:
    drawn = {(fault.what, fault.target) for seed in range(5000) for fault in draw(seed)}
    assert drawn == {(what, target) for what, targets in KINDS.items() for target in targets}
    assert {*DO, WHAT} == set(KINDS)


def test_the_tests_schedules_have_every_kind() -> None:
    assert {fault.what for faults in (SHORT, *LONG.values()) for fault in faults} == set(KINDS)


def test_faults_end_with_the_load_and_leave_a_part_its_time() -> None:
    for faults in map(draw, SEEDS):
        assert 1 <= len(faults) <= 4
        assert all(fault.at_s + fault.for_s <= LOAD_S for fault in faults)
        for one, other in combinations(faults, 2):
            assert one.target != other.target or one.at_s + one.for_s + 3 <= other.at_s
