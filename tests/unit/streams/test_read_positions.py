"""Offsets that hold nothing to read are no lag, and are committed."""

from types import SimpleNamespace
from typing import Any

from faust.types import TP

from streams.read_positions import ReadPositions

PARTITION = TP("events", 0)


def records(*offsets: int) -> list[Any]:
    return [SimpleNamespace(offset=offset) for offset in offsets]


def test_markers_behind_what_is_committed_are_passed() -> None:
    positions = ReadPositions()
    positions.note(PARTITION, 5, records(3, 4), committed=3)
    positions.note(PARTITION, 6, (), committed=5)
    positions.note(PARTITION, 7, (), committed=5)
    assert positions.reached(PARTITION, 5) == 7
    assert positions.passed({PARTITION: 5}) == {PARTITION: 7}
    assert positions.passed({PARTITION: 7}) == {}


def test_a_record_that_is_not_settled_holds_back_what_is_behind_it() -> None:
    positions = ReadPositions()
    positions.note(PARTITION, 6, records(3, 4), committed=3)
    assert (positions.reached(PARTITION, 3), positions.reached(PARTITION, 4)) == (3, 4)
    assert positions.passed({PARTITION: 4}) == {}
    assert positions.reached(PARTITION, 5) == 6


def test_records_that_expired_are_passed() -> None:
    positions = ReadPositions()
    positions.note(PARTITION, 1000, (), committed=12)
    assert positions.passed({PARTITION: 12}) == {PARTITION: 1000}


def test_a_group_that_never_committed_is_not_behind_what_expired_before_it_came() -> None:
    positions = ReadPositions()
    assert positions.reached(PARTITION, None) is None
    positions.note(PARTITION, 1000, (), committed=None)
    assert (positions.reached(PARTITION, None), positions.passed({PARTITION: None})) == (1000, {})
    positions.note(PARTITION, 1002, (), committed=None)
    assert positions.passed({PARTITION: None}) == {PARTITION: 1002}


def test_a_group_that_never_committed_is_behind_what_it_has_read() -> None:
    positions = ReadPositions()
    positions.note(PARTITION, 8, records(2, 3), committed=None)
    assert (positions.reached(PARTITION, None), positions.passed({PARTITION: None})) == (2, {})


def test_a_partition_that_comes_back_is_known_from_its_new_commit_on() -> None:
    positions = ReadPositions()
    positions.note(PARTITION, 12, (), committed=10)
    positions.note(PARTITION, 50, (), committed=50)
    assert positions.passed({PARTITION: 50}) == {}
    positions.note(PARTITION, 53, (), committed=50)
    assert positions.passed({PARTITION: 50}) == {PARTITION: 53}
