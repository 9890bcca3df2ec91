"""Stamps that others wrote: every form of RFC 3339 counts, and none that no event can have."""

import pytest

from pipeline.core.clock import plausible


@pytest.mark.parametrize(
    ("stamp", "written"),
    [
        ("2026-11-29T01:00:00.000000Z", "2026-11-29T01:00:00.000000Z"),
        ("2026-11-29T01:00:00Z", "2026-11-29T01:00:00.000000Z"),
        ("2026-11-29t01:00:00.5z", "2026-11-29T01:00:00.500000Z"),
        ("2026-11-29T01:00:00.1234567+02:00", "2026-11-28T23:00:00.123456Z"),
    ],
)
def test_a_stamp_counts_in_every_form(stamp: str, written: str) -> None:
    assert plausible(stamp) == written


@pytest.mark.parametrize(
    "stamp", ["", "soon", "2026-11-29", "1970-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "0000-01-01T00:00:00Z"]
)
def test_what_no_event_can_have_does_not(stamp: str) -> None:
    assert plausible(stamp) is None
