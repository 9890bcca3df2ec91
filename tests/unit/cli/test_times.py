"""Times as a person types them."""

import re

import pytest
import typer

from cli.times import moment

OUTSIDE = ["999999d", "0001-01-01T00:00:00+05:00", "9999-12-31T23:59:59-05:00"]
"""Times that no calendar has."""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-23T15:24:00Z", "2026-11-23T15:24:00.000000Z"),
        ("2026-11-23T12:24:00.5-03:00", "2026-11-23T15:24:00.500000Z"),
    ],
)
def test_a_time_is_brought_to_utc(text: str, expected: str) -> None:
    assert moment(text) == expected


def test_an_age_is_before_now() -> None:
    assert moment("7d") < moment("2h") < moment("30m") < moment("1s")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", moment("1s"))


@pytest.mark.parametrize(
    "text", ["", "yesterday", "2026-11-23", "2026-11-23T15:24:00", "0d", "-1h", "1w", "9999999d", *OUTSIDE]
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(typer.BadParameter):
        moment(text)
