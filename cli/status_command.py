"""`mensageria status`."""

from collections.abc import Sequence

import typer

from cli.addresses import find
from cli.exit_codes import FOUND, OK, UNAVAILABLE, run
from cli.output import AsJson, write_json, write_table
from cli.status import Finding, findings

_COLUMNS = ("part", "state", "waiting", "in flight", "dead letters", "detail")


def add_to(app: typer.Typer) -> None:
    """Give `app` this command."""
    app.command()(status)


def status(as_json: AsJson = False) -> None:
    """Show each part (ok, degraded or OUT), what waits, and the dead letters.

    Exit code 3 if a part is out, 1 if one is degraded or there are dead letters.
    """
    run(_status(as_json=as_json))


async def _status(*, as_json: bool) -> int:
    found = await findings(find())
    if as_json:
        for finding in found:
            write_json(finding.shown())
    else:
        write_table(
            _COLUMNS,
            [(each.part, each.state, each.waiting, each.in_flight, each.dead_letters, each.detail) for each in found],
        )
    return exit_code(found)


def exit_code(found: Sequence[Finding]) -> int:
    """The worst of the findings."""
    if not all(finding.ok for finding in found):
        return UNAVAILABLE
    return FOUND if any(finding.dead_letters or finding.is_degraded for finding in found) else OK
