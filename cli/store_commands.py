"""`mensageria differences`, `replay`, `retention`, `erase`: keeping the stores in order."""

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Annotated, Any

import typer

from cli import erasure
from cli.addresses import Addresses, find
from cli.copies import Found
from cli.differences import Difference, differences, settled_until
from cli.ending import FOUND, OK, run
from cli.output import AsJson, complain, progress, say, write_each, write_json
from cli.places import PLACES, open_outlet, open_stores
from cli.retention import days_ago, delete_older
from cli.sending import Filter, Unsendable, repair, replay, replayable
from cli.times import moment
from cli.walk import Walk
from pipeline.dead_letters import Place
from pipeline.outlets import Outlet

_COLUMNS = ("received_at", "source", "id", "missing", "conflict")
Since = Annotated[str, typer.Option("--from", help="A time (RFC 3339), or an age: 30m, 2h, 7d.")]
Until = Annotated[
    str | None, typer.Option("--to", help="The same, not included; what is younger than 30 s is left out.")
]
Yes = Annotated[bool, typer.Option("--yes", help="Do it; without it, only what would be done is shown.")]


def add_to(app: typer.Typer) -> None:
    """Give `app` these commands."""
    app.command("differences")(compare)
    app.command("replay")(replay_events)
    app.command("retention")(retain)
    app.command("erase")(erase_subject)


def compare(
    since: Since = "24h",
    until: Until = None,
    mend: Annotated[bool, typer.Option("--repair", help="Send what is missing again.")] = False,
    as_json: AsJson = False,
) -> None:
    """Compare both stores: events that one of them or a way lacks, or with two contents. Exit code 1 if there are."""
    run(_compare(moment(since), settled_until(until and moment(until)), mend=mend, as_json=as_json))


def replay_events(
    to: Annotated[str, typer.Option("--into", help="Who is to have them again: b, c or kafka.")],
    since: Since = "24h",
    until: Until = None,
    type_: Annotated[str | None, typer.Option("--type")] = None,
    source: Annotated[str | None, typer.Option("--source")] = None,
    subject: Annotated[str | None, typer.Option("--subject")] = None,
    per_second: Annotated[float, typer.Option("--rate", min=0.01, help="Most events a second.")] = 200,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Send stored events once more to one consumer: what its store has stays as it is."""
    if to not in PLACES:
        raise typer.BadParameter(f"there are {', '.join(PLACES)}", param_hint="--into")
    place: Place = next(place for place in PLACES if place == to)
    wanted = Filter(type=type_, source=source, subject=subject)
    begin, end = moment(since), settled_until(until and moment(until))
    run(
        _replay(place, begin, end, wanted, per_second, as_json=as_json)
        if yes
        else _rehearse(begin, end, wanted, as_json=as_json)
    )


def retain(
    days: Annotated[int, typer.Option("--days", min=1, help="Keep what was received in the last so many days.")],
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Delete old events from PostgreSQL, in small batches. DynamoDB does it by itself."""
    run(_retain(days_ago(days), as_json=as_json) if yes else _count_older(days_ago(days), as_json=as_json))


def erase_subject(
    subject: Annotated[str, typer.Argument(help="The events' `subject`.")],
    reference: Annotated[str, typer.Option("--reference", help="The request's number in your register.")],
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Remove one subject's events from both stores and the dead letters, with a record in the table `erasures`."""
    run(_erase(subject, reference, as_json=as_json) if yes else _count_subject(subject, as_json=as_json))


@dataclass
class _Mending:
    """What became of the differences that were found."""

    outlets: Mapping[Place, Outlet]
    sent: int = 0
    conflicts: int = 0
    unsendable: list[Unsendable] = field(default_factory=list)

    async def treat(self, difference: Difference) -> None:
        self.conflicts += difference.conflict
        if not difference.missing or not self.outlets:
            return
        try:
            await repair(difference, self.outlets)
        except Unsendable as error:
            self.unsendable.append(error)
        else:
            self.sent += 1


async def _compare(since: str, until: str, *, mend: bool, as_json: bool) -> int:
    addresses = find()
    async with AsyncExitStack() as resources:
        rows, items = await resources.enter_async_context(open_stores(addresses))
        mending = _Mending(await _outlets(addresses, resources) if mend else {})
        walk = Walk(rows, items, since, until)
        with progress("compared") as tick:
            found = _treated(walk, mending, tick)
            count = await write_each(found, _COLUMNS, Difference.shown, as_json=as_json)
    for error in mending.unsendable:
        complain(f"not sent: {error}")
    told = f"{count} differences, {mending.conflicts} of them conflicts"
    complain(f"{walk.compared} compared from {since} to {until}: {told}; {mending.sent} sent again")
    return FOUND if mending.unsendable or mending.conflicts or count > mending.sent else OK


async def _treated(walk: Walk, mending: _Mending, tick: Callable[[int], None]) -> AsyncGenerator[Difference, None]:
    async for difference in differences(walk):
        await mending.treat(difference)
        tick(walk.compared)
        yield difference


async def _outlets(addresses: Addresses, resources: AsyncExitStack) -> dict[Place, Outlet]:
    return {place: await resources.enter_async_context(open_outlet(addresses, place)) for place in PLACES}


async def _rehearse(since: str, until: str, wanted: Filter, *, as_json: bool) -> int:
    async with open_stores(find()) as (rows, items):
        walk = Walk(rows, items, since, until)
        count = await write_each(
            replayable(walk, wanted), ("received_at", "type", "source", "id"), _replayed, as_json=as_json
        )
    complain(f"dry run: these {count} are meant; nothing was sent. Add --yes to do it")
    return OK


async def _replay(place: Place, since: str, until: str, wanted: Filter, per_second: float, *, as_json: bool) -> int:
    addresses = find()
    sent = unsendable = 0
    async with open_stores(addresses) as (rows, items), open_outlet(addresses, place) as outlet:
        walk = Walk(rows, items, since, until)
        with progress(f"sent to {place}") as tick:
            async for outcome in replay(walk, wanted, outlet, per_second=per_second):
                if isinstance(outcome, Unsendable):
                    complain(f"not sent: {outcome}")
                    unsendable += 1
                else:
                    sent += 1
                    tick(sent)
    _tell({"sent": sent, "not_sent": unsendable}, as_json=as_json)
    return FOUND if unsendable else OK


async def _count_older(before: str, *, as_json: bool) -> int:
    async with open_stores(find()) as (rows, _):
        count = await rows.count_older(before)
    _tell({"before": before, "rows": count}, as_json=as_json)
    complain("dry run: nothing was deleted. Add --yes to do it")
    return OK


async def _retain(before: str, *, as_json: bool) -> int:
    deleted = 0
    async with open_stores(find()) as (rows, _):
        total = await rows.count_older(before)
        with progress("deleted", total) as tick:
            async for deleted in delete_older(rows, before):
                tick(deleted)
    _tell({"before": before, "deleted": deleted}, as_json=as_json)
    return OK


async def _count_subject(subject: str, *, as_json: bool) -> int:
    addresses = find()
    async with open_stores(addresses) as (rows, items):
        found = await erasure.count(addresses, rows, items, subject)
    _tell(vars(found), as_json=as_json)
    complain("dry run: nothing was erased. Add --yes to do it")
    return OK


async def _erase(subject: str, reference: str, *, as_json: bool) -> int:
    addresses = find()
    async with open_stores(addresses) as (rows, items):
        erased = await erasure.erase(addresses, rows, items, subject, reference)
    _tell(vars(erased) | {"reference": reference}, as_json=as_json)
    return OK


def _replayed(copies: Any) -> dict[str, Any]:
    first: Found = copies[0]
    source, id_ = first.copy.identity
    return {"received_at": first.copy.received_at, "type": first.type, "source": source, "id": id_}


def _tell(members: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        write_json(members)
    else:
        say("  ".join(f"{name} {value}" for name, value in members.items()))
