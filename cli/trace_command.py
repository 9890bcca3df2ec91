"""`mensageria trace`: the way of one event, and where it waits."""

from typing import Annotated, Any

import typer
from rich.console import Console

from cli import journey, journey_drawing
from cli.addresses import Addresses, find
from cli.edges import Edges
from cli.exit_codes import FOUND, OK, run
from cli.journey import Journey
from cli.output import AsJson, can_write, complain, write_json
from cli.postgres import Rows
from cli.status import findings
from operations.connections import PLACES
from operations.dead_letters import DeadLetter
from operations.http_api import NotFound
from pipeline.core.errors import MensageriaError
from pipeline.core.identity import Identity
from pipeline.core.settings.tools import EdgeSettings, StoreSettings

_NEWEST = "200"
Source = Annotated[str | None, typer.Option("--source", help="Its source; needed where several have this id.")]


def add_to(app: typer.Typer) -> None:
    """Give `app` this command."""
    app.command()(trace)


def trace(id_: Annotated[str, typer.Argument(metavar="ID")], source: Source = None, as_json: AsJson = False) -> None:
    """Draw the way of an event with its times, and where it waits. Exit code 1 if it is not whole everywhere.

    Of an event that is not, the dead letters are looked through; meanwhile they are hidden from others.
    """
    run(_trace(id_, source, as_json=as_json))


async def _trace(id_: str, source: str | None, *, as_json: bool) -> int:
    addresses = find()
    async with Edges.connected(addresses.read(EdgeSettings)) as edges:
        sources = [source] if source is not None else await _sources(addresses, edges, id_)
        if len(sources) != 1:
            complain(_which(id_, sources))
            return FOUND
        found = await _journey(addresses, edges, (sources[0], id_))
    if as_json:
        write_json(found.shown())
    else:
        console = Console(highlight=False)
        for line in journey_drawing.lines(found):
            console.print(line if can_write(line.plain) else journey_drawing.in_ascii(line), soft_wrap=True)
    return OK if found.complete and not found.conflict else FOUND


async def _journey(addresses: Addresses, edges: Edges, identity: Identity) -> Journey:
    try:
        record: dict[str, Any] | None = await edges.event(*identity)
    except NotFound:
        record = None
    if journey.is_whole(record):
        return journey.of(identity, record, (), ())
    return journey.of(identity, record, await _letters(addresses, identity), await findings(addresses))


async def _letters(addresses: Addresses, identity: Identity) -> list[DeadLetter]:
    """The dead letters of one event; a place that can't be read is said."""
    found: list[DeadLetter] = []
    for place in PLACES:
        try:
            async with addresses.places.dead_letters(place) as reading:
                found += [each async for each in reading.letters() if each.event and each.event.identity == identity]
        except MensageriaError as error:
            complain(f"dead letters of {place}: {error}")
    return found


async def _sources(addresses: Addresses, edges: Edges, id_: str) -> list[str]:
    """The sources that have an event with this id: all that PostgreSQL has, else of the newest in DynamoDB."""
    try:
        async with Rows.connected(addresses.read(StoreSettings).postgres_url) as rows:
            if sources := await rows.sources_of(id_):
                return sources
    except MensageriaError as error:
        complain(str(error))
    page = await edges.page({"limit": _NEWEST, "store": "dynamodb", "fields": "source,id"})
    return sorted({event["source"] for event in page["events"] if event["id"] == id_})


def _which(id_: str, sources: list[str]) -> str:
    if not sources:
        return f"no store has an event {id_}: give its --source to see where it may wait, or is it spelled otherwise?"
    return f"{len(sources)} sources have an event {id_}: give one of these with --source: {', '.join(sources)}"
