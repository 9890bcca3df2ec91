"""Service that reads and redrives dead letters: one reading at a time at each place.

Two readings of a queue would hide its letters from each other.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import get_args

import structlog

from operations.connections import Connections
from operations.dead_letters import DeadLetter, Place, Reading
from operations.redrive import Choice, chosen
from pipeline.core.errors import QueueUnavailable
from web.operating.dead_letter_listing import Listing, Summary, find
from web.operating.redrive_job import Action, Redrive, Stage

_log = structlog.get_logger(__name__)
_MOST_REDRIVES = 50


class DeadLetterService:
    """The dead letters of `places`; `notice` is called whenever something was done with them."""

    def __init__(self, places: Connections, notice: Callable[[], None]) -> None:
        self._places = places
        self._notice = notice
        self._turns = {place: asyncio.Lock() for place in get_args(Place)}
        self._redrives: dict[str, Redrive] = {}
        self._running: dict[str, asyncio.Task[None]] = {}

    async def listing(self, place: Place, choice: Choice) -> Listing:
        """The letters of `place`, those that `choice` means in full. Raises QueueUnavailable."""
        async with self._reading(place) as reading:
            return await Listing.read(reading, choice)

    async def letter(self, place: Place, key: str) -> DeadLetter | None:
        """One letter; None where it is not there, or in another reader's hands. Raises QueueUnavailable."""
        async with self._reading(place) as reading:
            return await find(reading, key)

    async def plan(self, place: Place, action: Action, choice: Choice, by: str) -> Redrive:
        """The dry run: a redrive of the letters that `choice` means now, not started. Raises QueueUnavailable."""
        async with self._reading(place) as reading:
            letters = [Summary.of(letter) async for letter in chosen(reading, choice)]
        planned = Redrive(place, action, letters, by)
        self._redrives[planned.id] = planned
        self._forget_the_oldest()
        return planned

    def redrive(self, id_: str) -> Redrive | None:
        """A redrive by its id; None where it is not known any more."""
        return self._redrives.get(id_)

    def at_work(self, place: Place) -> Redrive | None:
        """The redrive that runs at `place`, if one does."""
        running = (redrive for redrive in self._redrives.values() if redrive.stage == "running")
        return next((redrive for redrive in running if redrive.place == place), None)

    def start(self, redrive: Redrive) -> None:
        """Begin what was planned; a redrive is begun once."""
        if redrive.stage == "planned":
            redrive.stage = "running"
            self._running[redrive.id] = asyncio.create_task(self._run(redrive))

    def stop(self, redrive: Redrive) -> None:
        """Stop it where it is: what was done stays done, the rest stays there."""
        if task := self._running.get(redrive.id):
            task.cancel()
        elif redrive.stage == "running":
            redrive.end("stopped")

    async def close(self) -> None:
        """Stop all, and return when every letter is given back."""
        for task in self._running.values():
            task.cancel()
        if self._running:
            await asyncio.wait(self._running.values())

    async def _run(self, redrive: Redrive) -> None:
        try:
            async with self._reading(redrive.place) as reading:
                await redrive.run(reading)
        except asyncio.CancelledError:
            self._end(redrive, "stopped")
            raise
        except QueueUnavailable as error:
            self._end(redrive, "failed", str(error))
        except Exception as error:  # noqa: BLE001 - whatever it stumbles on, the page says that it has ended
            _log.exception("redrive failed", redrive=redrive.id)
            self._end(redrive, "failed", repr(error))
        finally:
            self._running.pop(redrive.id, None)
            self._notice()

    @staticmethod
    def _end(redrive: Redrive, stage: Stage, fault: str = "") -> None:
        """What comes after the last letter, such as giving back the others, changes no end that it has."""
        if not redrive.is_over:
            redrive.end(stage, fault)

    @asynccontextmanager
    async def _reading(self, place: Place) -> AsyncIterator[Reading]:
        async with self._turns[place], self._places.dead_letters(place) as reading:
            yield reading

    def _forget_the_oldest(self) -> None:
        for id_ in list(self._redrives)[:-_MOST_REDRIVES]:
            if id_ not in self._running:
                del self._redrives[id_]
