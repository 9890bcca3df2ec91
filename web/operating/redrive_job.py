"""A job of the pages: chosen dead letters are redriven (sent again) or discarded, from the dry run to the end."""

import asyncio
import uuid
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Literal

import structlog

from operations import redrive
from operations.dead_letters import DeadLetter, Place, Reading
from operations.redrive import Choice
from pipeline.core.errors import MessageRefused, QueueUnavailable
from web.operating.dead_letter_listing import Summary

Action = Literal["send_again", "discard"]
Stage = Literal["planned", "running", "done", "stopped", "failed"]
_PER_SECOND = 100.0
_log = structlog.get_logger(__name__)


@dataclass
class Redrive:
    """What was found in the dry run (`letters`), and how far it is.

    It deals with exactly the letters that the dry run showed: one that came meanwhile is not
    touched. `fault` is in English; `by` is who planned it.
    """

    place: Place
    action: Action
    letters: list[Summary]
    by: str
    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    stage: Stage = "planned"
    done: set[str] = field(default_factory=set)
    fault: str = ""

    def __post_init__(self) -> None:
        self._changed = asyncio.Event()

    @property
    def is_over(self) -> bool:
        """Whether nothing changes any more."""
        return self.stage in ("done", "stopped", "failed")

    async def run(self, reading: Reading) -> None:
        """Deal with the letters that `reading` finds; a stop leaves the others as they are."""
        choice = Choice(keys=frozenset(letter.key for letter in self.letters))
        _log.info("redrive started", redrive=self.id, place=self.place, action=self.action, by=self.by)
        try:
            async with aclosing(self._dealt_with(reading, choice)) as letters:
                async for letter in letters:
                    self.done.add(letter.key)
                    self._changed.set()
            self.end("done")
        except (QueueUnavailable, MessageRefused) as error:
            self.end("failed", str(error))

    def end(self, stage: Stage, fault: str = "") -> None:
        """Say how it ended, to those who follow and in the log."""
        self.stage, self.fault = stage, fault
        self._changed.set()
        counts = {"meant": len(self.letters), "done": len(self.done)}
        _log.info("redrive ended", redrive=self.id, stage=stage, by=self.by, fault=fault, **counts)

    async def changes(self, every_s: float) -> AsyncGenerator["Redrive", None]:
        """Itself, now and whenever it is further, at most every `every_s` seconds, to its end."""
        while True:
            self._changed.clear()
            yield self
            if self.is_over:
                return
            await self._changed.wait()
            await asyncio.sleep(every_s)

    def _dealt_with(self, reading: Reading, choice: Choice) -> AsyncGenerator[DeadLetter, None]:
        if self.action == "send_again":
            return redrive.send_again(reading, choice, per_second=_PER_SECOND)
        return redrive.discard(reading, choice)
