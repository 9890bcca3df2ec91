"""A walk through the events of both stores, in their common order and in bounded memory."""

from collections.abc import AsyncGenerator, Callable, Sequence

from cli.dynamodb import Items
from cli.postgres import Rows
from cli.stored_copies import Copy, Found, side_by_side
from pipeline.core.comparison import first_place
from pipeline.core.identity import Identity

_LOOKED_UP = 100
_ROUND = 1000
_TICK = 100

IsMeant = Callable[[Sequence[Copy]], bool]
"""Whether an event is to be looked up, by its copies at one place."""


class Walk:
    """The events received from `since` to before `until`; `compared` counts the positions that lie behind.

    `tick` is called with that count now and then.
    """

    def __init__(
        self, rows: Rows, items: Items, since: str, until: str, tick: Callable[[int], object] = lambda _: None
    ) -> None:
        self._rows = rows
        self._items = items
        self._since = since
        self._until = until
        self._tick = tick
        self.compared = 0

    async def events(self, is_meant: IsMeant) -> AsyncGenerator[list[Found], None]:
        """All copies of each event that is meant, once, the first copy first. Raises StoreUnavailable.

        They are looked up by the event's identity: it may have copies at other places too
        (it was sent again), or some that have come meanwhile. It is given at the first of its
        places at which it is meant.
        """
        places: dict[Identity, set[str]] = {}
        streams = [self._rows.copies(self._since, self._until), self._items.copies(self._since, self._until)]
        async for group in side_by_side(streams):
            self.compared += 1
            if self.compared % _TICK == 0:
                self._tick(self.compared)
            for identity, copies in _by_identity(group).items():
                if is_meant(copies):
                    places.setdefault(identity, set()).add(copies[0].received_at)
            if len(places) >= _LOOKED_UP or self.compared % _ROUND == 0:
                for event in await self._look_up(places, is_meant):
                    yield event
                places.clear()
        for event in await self._look_up(places, is_meant):
            yield event

    async def _look_up(self, places: dict[Identity, set[str]], is_meant: IsMeant) -> list[list[Found]]:
        if not places:
            return []
        found: dict[Identity, list[Found]] = {}
        for each in await self._rows.find(places) + await self._items.find(places):
            found.setdefault(each.copy.identity, []).append(each)
        events = [sorted(copies, key=lambda each: each.rank) for copies in found.values()]
        events.sort(key=lambda copies: copies[0].copy.position)
        return [event for event in events if _place(event, is_meant) in places[event[0].copy.identity]]


def _place(event: Sequence[Found], is_meant: IsMeant) -> str | None:
    return first_place([each.copy for each in event], is_meant)


def _by_identity(group: Sequence[Copy]) -> dict[Identity, list[Copy]]:
    """A position has more than one event where it is cut."""
    copies: dict[Identity, list[Copy]] = {}
    for copy in group:
        copies.setdefault(copy.identity, []).append(copy)
    return copies
