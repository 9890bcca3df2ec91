"""`mensageria differences`: what the stores don't agree about, and its repair."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Annotated

import typer

from cli.addresses import Addresses, find
from cli.differences import Difference, differences
from cli.exit_codes import FOUND, OK, run
from cli.output import AsJson, complain, progress, write_each
from cli.replaying import Unsendable, repair
from cli.store_comparison import Walk
from cli.stores import open_stores
from cli.times import Since, Until, settled_range
from operations.connections import PLACES
from operations.dead_letters import Place
from operations.resending import Resender

_COLUMNS = ("received_at", "source", "id", "missing", "conflict")


def add_to(app: typer.Typer) -> None:
    """Give `app` this command."""
    app.command("differences")(compare)


def compare(
    since: Since = "24h",
    until: Until = None,
    mend: Annotated[bool, typer.Option("--repair", help="Send what is missing again.")] = False,
    as_json: AsJson = False,
) -> None:
    """Compare both stores: events that one of them or a way lacks, or with two contents. Exit code 1 if there are."""
    run(_compare(*settled_range(since, until), mend=mend, as_json=as_json))


@dataclass
class _Mending:
    """What became of the differences that were found."""

    resenders: Mapping[Place, Resender]
    sent: int = 0
    conflicts: int = 0
    unsendable: list[Unsendable] = field(default_factory=list)

    async def treat(self, difference: Difference) -> None:
        self.conflicts += difference.conflict
        if not difference.missing or not self.resenders:
            return
        try:
            await repair(difference, self.resenders)
        except Unsendable as error:
            self.unsendable.append(error)
        else:
            self.sent += 1


async def _compare(since: str, until: str, *, mend: bool, as_json: bool) -> int:
    addresses = find()
    async with AsyncExitStack() as resources:
        rows, items = await resources.enter_async_context(open_stores(addresses))
        mending = _Mending(await _outlets(addresses, resources) if mend else {})
        with progress("compared") as tick:
            walk = Walk(rows, items, since, until, tick)
            count = await write_each(_treated(walk, mending), _COLUMNS, Difference.shown, as_json=as_json)
    for error in mending.unsendable:
        complain(f"not sent: {error}")
    told = f"{count} differences, {mending.conflicts} of them conflicts"
    complain(f"{walk.compared} compared from {since} to {until}: {told}; {mending.sent} sent again")
    return FOUND if mending.unsendable or mending.conflicts or count > mending.sent else OK


async def _treated(walk: Walk, mending: _Mending) -> AsyncGenerator[Difference, None]:
    async for difference in differences(walk):
        await mending.treat(difference)
        yield difference


async def _outlets(addresses: Addresses, resources: AsyncExitStack) -> dict[Place, Resender]:
    return {place: await resources.enter_async_context(addresses.places.resender(place)) for place in PLACES}
