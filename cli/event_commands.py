"""`mensageria publish`, `get`, `list`, `tail`: events by the public edges."""

import asyncio
import sys
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import typer

from cli import follow, publishing
from cli.addresses import find
from cli.edges import Edges
from cli.exit_codes import FOUND, OK, run
from cli.output import AsJson, complain, progress, say, write_each, write_json, write_table
from cli.times import moment
from operations.http_api import LISTED, NotFound
from pipeline.core.settings.tools import EdgeSettings

_COLUMNS = ("received_at", "type", "source", "id", "subject", "stores")
_PAGE = 200
_LINE = "received_at,type,source,id"
_WHOLE = "source,id,type,subject,time,received_at,stores,event"
Type = Annotated[str | None, typer.Option("--type", help="The event's type.")]
Source = Annotated[str | None, typer.Option("--source", help="The event's source.")]
Subject = Annotated[str | None, typer.Option("--subject", help="What the event is about.")]
Since = Annotated[str | None, typer.Option("--from", help="A time (RFC 3339), or an age: 30m, 2h, 7d.")]
Until = Annotated[str | None, typer.Option("--to", help="The same, not included.")]


def add_to(app: typer.Typer) -> None:
    """Give `app` these commands."""
    app.command()(publish)
    app.command()(get)
    app.command("list")(list_events)
    app.command()(tail)


def publish(
    file: Annotated[Path | None, typer.Argument(help="JSON of one event; - is the standard input.")] = None,
    type_: Type = None,
    source: Source = None,
    subject: Subject = None,
    id_: Annotated[str | None, typer.Option("--id", help="Its id; sent twice with one id it is stored once.")] = None,
    time: Annotated[str | None, typer.Option("--time", help="When it happened, RFC 3339.")] = None,
    data: Annotated[str | None, typer.Option("--data", help="Its data as JSON.")] = None,
    lines: Annotated[bool, typer.Option("--lines", help="FILE has one event a line.")] = False,
    as_json: AsJson = False,
) -> None:
    """Publish an event: a CloudEvent or the simple form from FILE, or one of the options' values."""
    if (file is None) == (type_ is None):
        raise typer.BadParameter("give either FILE or --type (with --data and the others)")
    members = {"type": type_, "source": source, "subject": subject, "id": id_, "time": time}
    if file is None:
        if lines:
            raise typer.BadParameter("it goes with FILE alone: --type publishes one event", param_hint="--lines")
        run(_publish(publishing.simple(members, "null" if data is None else data), as_json=as_json))
    if unused := [f"--{name}" for name, value in (members | {"data": data}).items() if value is not None]:
        raise typer.BadParameter(f"FILE has whole events: leave out {', '.join(unused)}")
    if lines:
        run(_publish_lines(file, as_json=as_json))
    run(_publish(_content(file), as_json=as_json))


def get(source: str, id_: Annotated[str, typer.Argument(metavar="ID")], as_json: AsJson = False) -> None:
    """Show one event and where it is."""
    run(_get(source, id_, as_json=as_json))


def list_events(
    type_: Type = None,
    source: Source = None,
    subject: Subject = None,
    since: Since = None,
    until: Until = None,
    store: Annotated[Literal["postgres", "dynamodb", "both"], typer.Option(help="Whose events.")] = "both",
    order: Annotated[Literal["desc", "asc"], typer.Option(help="desc is newest first.")] = "desc",
    limit: Annotated[int, typer.Option(min=1, help="Most events.")] = 50,
    as_json: AsJson = False,
) -> None:
    """List events."""
    wanted = {"type": type_, "source": source, "subject": subject, "store": store, "order": order}
    wanted |= {"from": since and moment(since), "to": until and moment(until)}
    run(_list({name: value for name, value in wanted.items() if value}, limit, as_json=as_json))


def tail(
    type_: Type = None,
    source: Source = None,
    subject: Subject = None,
    since: Since = None,
    as_json: AsJson = False,
) -> None:
    """Show events as they are stored, until Ctrl-C."""
    wanted = {"type": type_, "source": source, "subject": subject}
    parameters = {name: value for name, value in wanted.items() if value}
    run(_tail(parameters, since and moment(since), as_json=as_json))


async def _publish(body: bytes, *, as_json: bool) -> int:
    async with Edges.connected(find().read(EdgeSettings)) as edges:
        receipt = await edges.publish(body)
    if as_json:
        write_json(receipt)
    else:
        say(f"{receipt['status']}  source {receipt['source']}  id {receipt['id']}  {receipt['received_at']}")
    return OK


async def _publish_lines(file: Path, *, as_json: bool) -> int:
    accepted = refused = 0
    with progress("published") as tick:
        async with Edges.connected(find().read(EdgeSettings)) as edges:
            async for outcome in publishing.publish_lines(edges, file):
                accepted += outcome.fault is None
                refused += outcome.fault is not None
                tick(accepted)
                if as_json:
                    write_json(outcome.shown())
                elif outcome.fault:
                    complain(f"line {outcome.line}: {outcome.fault}")
    complain(f"{accepted} accepted, {refused} refused")
    return FOUND if refused else OK


async def _get(source: str, id_: str, *, as_json: bool) -> int:
    async with Edges.connected(find().read(EdgeSettings)) as edges:
        try:
            found = await edges.event(source, id_)
        except NotFound as error:
            complain(str(error))
            return FOUND
    if as_json:
        write_json(found)
    else:
        _show(found)
    return OK


def _show(found: dict[str, Any]) -> None:
    receipt = found["receipt"]
    items = receipt["dynamodb"] or {}
    copies = {
        "postgres": receipt["postgres"],
        "dynamodb by sqs": items.get("sqs"),
        "dynamodb by kafka": items.get("kafka"),
    }
    say(f"received at {receipt['received_at']}")
    rows = [(name, (copy or {}).get("stored_at", "not there")) for name, copy in copies.items()]
    write_table(("store", "stored at"), rows)
    say("complete" if found["complete"] else "not complete")
    if found["conflict"]:
        say("conflict: there are two contents of this identity")
    if found["partial"]:
        complain(f"partial: {', '.join(found['unavailable'])} did not answer")
    say(msgspec.json.format(found["event"], indent=2).decode())


async def _list(parameters: dict[str, str], limit: int, *, as_json: bool) -> int:
    async with Edges.connected(find().read(EdgeSettings)) as edges:
        fields = {} if as_json else {"fields": LISTED}
        events = _events(edges, parameters | fields, limit)
        await write_each(events, _COLUMNS, lambda event: event, as_json=as_json)
    return OK


async def _events(edges: Edges, parameters: dict[str, str], limit: int) -> AsyncGenerator[dict[str, Any], None]:
    cursor: dict[str, str] = {}
    while limit:
        page = await edges.page(parameters | {"limit": str(min(limit, _PAGE))} | cursor)
        if page["partial"]:
            complain(f"partial: {', '.join(page['unavailable'])} did not answer")
        for event in page["events"]:
            yield event
        limit -= len(page["events"])
        if not page["next"]:
            return
        cursor = {"cursor": page["next"]}


async def _tail(parameters: dict[str, str], since: str | None, *, as_json: bool) -> int:
    fields = {"fields": _WHOLE if as_json else _LINE}
    async with Edges.connected(find().read(EdgeSettings)) as edges:
        try:
            async for event in follow.events(edges, parameters | fields, since):
                if as_json:
                    write_json(event)
                else:
                    say("  ".join(str(event[name]) for name in _LINE.split(",")))
                    sys.stdout.flush()
        except asyncio.CancelledError:  # Ctrl-C is how it ends
            return OK
    return OK


def _content(file: Path) -> bytes:
    try:
        return sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
    except OSError as error:
        raise typer.BadParameter(f"{file}: {error.strerror}") from error
