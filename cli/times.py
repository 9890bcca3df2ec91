"""Times as a person types them."""

import re
from datetime import timedelta
from typing import Annotated

import typer

from pipeline.core import clock
from pipeline.core.comparison import settled_until

Since = Annotated[str, typer.Option("--from", help="A time (RFC 3339), or an age: 30m, 2h, 7d.")]
Until = Annotated[
    str | None, typer.Option("--to", help="The same, not included; what is younger than 30 s is left out.")
]
_AGO = re.compile(r"([1-9][0-9]{0,5})([smhd])\Z")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def moment(text: str) -> str:
    """`text` in RFC 3339, as `2026-11-23T15:24:00.000000Z`: it is one already, or an age such as `30m`, `2h`, `7d`.

    Raises typer.BadParameter.
    """
    if age := _AGO.match(text):
        return ago(timedelta(**{_UNITS[age[2]]: int(age[1])}))
    try:
        return clock.rfc3339(clock.parse_rfc3339(text))
    except ValueError as error:
        raise typer.BadParameter(
            f"{text!r}: {error}; give a time with its zone, in the years 1 to 9999 of UTC, such as"
            " 2026-11-23T15:24:00Z, or an age: 2h, 7d"
        ) from error


def settled_range(since: str, until: str | None) -> tuple[str, str]:
    """The range of what is compared or sent again, without what may still be on its way. Raises typer.BadParameter."""
    begin, end = moment(since), settled_until(until and moment(until))
    if begin > end:
        raise typer.BadParameter(
            "--from is after --to, or less than 30 s ago: give an earlier one", param_hint="--from"
        )
    return begin, end


def ago(age: timedelta) -> str:
    """The moment that is `age` before now, as `moment` writes it. Raises typer.BadParameter."""
    try:
        return clock.rfc3339(clock.now() - age)
    except OverflowError as error:
        raise typer.BadParameter(f"{age.days} days ago is before the year 1") from error
