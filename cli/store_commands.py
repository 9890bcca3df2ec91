"""`mensageria replay`, `retention`, `erase`: keeping the stores in order."""

from datetime import timedelta
from typing import Annotated, Any

import typer

from cli import erasure
from cli.addresses import find
from cli.exit_codes import FOUND, OK, run
from cli.output import AsJson, complain, progress, say, write_each, write_json
from cli.replaying import Filter, Unsendable, replay, replayable
from cli.retention import delete_older
from cli.store_comparison import Walk
from cli.stored_copies import Found
from cli.stores import open_stores
from cli.times import Since, Until, ago, settled_range
from operations.connections import PLACES
from operations.dead_letters import Place

Yes = Annotated[bool, typer.Option("--yes", help="Do it; without it, only what would be done is shown.")]

_MAX_DAYS = timedelta.max.days
_UNSEEN = "could not be looked at, as another reader had them or they are new"


def add_to(app: typer.Typer) -> None:
    """Give `app` these commands."""
    app.command("replay")(replay_events)
    app.command("retention")(retain)
    app.command("erase")(erase_subject)


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
        raise typer.BadParameter(f"unknown consumer {to!r}; expected one of {', '.join(PLACES)}", param_hint="--into")
    place: Place = next(place for place in PLACES if place == to)
    wanted = Filter(type=type_, source=source, subject=subject)
    begin, end = settled_range(since, until)
    run(
        _replay(place, begin, end, wanted, per_second, as_json=as_json)
        if yes
        else _rehearse(begin, end, wanted, as_json=as_json)
    )


def retain(
    days: Annotated[
        int, typer.Option("--days", min=1, max=_MAX_DAYS, help="Keep what was received in the last so many days.")
    ],
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Delete old events from PostgreSQL, in small batches. DynamoDB does it by itself."""
    before = ago(timedelta(days=days))
    run(_retain(before, as_json=as_json) if yes else _count_older(before, as_json=as_json))


def erase_subject(
    subject: Annotated[str, typer.Argument(help="The events' `subject`.")],
    reference: Annotated[str, typer.Option("--reference", help="The request's number in your register.")],
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Remove one subject's events from both stores and the dead letters, with a record in the table `erasures`."""
    if not subject:
        raise typer.BadParameter("it is empty: give the subject whose events are to be erased", param_hint="SUBJECT")
    run(_erase(subject, reference, as_json=as_json) if yes else _count_subject(subject, as_json=as_json))


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
    async with open_stores(addresses) as (rows, items), addresses.places.resender(place) as resender:
        walk = Walk(rows, items, since, until)
        with progress(f"sent to {place}") as tick:
            async for outcome in replay(walk, wanted, resender, per_second=per_second):
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
    if found.elsewhere:
        complain(f"{found.elsewhere} dead letters {_UNSEEN}")
    complain("dry run: nothing was erased. Add --yes to do it")
    return OK


async def _erase(subject: str, reference: str, *, as_json: bool) -> int:
    addresses = find()
    async with open_stores(addresses) as (rows, items):
        erased = await erasure.erase(addresses, rows, items, subject, reference)
    _tell(vars(erased) | {"reference": reference}, as_json=as_json)
    complain(f"not reached: {'; '.join(erasure.NOT_REACHED)}")
    if erased.elsewhere:
        complain(f"not whole: {erased.elsewhere} dead letters {_UNSEEN}. Erase again in a minute")
        return FOUND
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
