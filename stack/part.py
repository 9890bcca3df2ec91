"""A part of the system: a program to run, and a probe of its readiness."""

import signal
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path


async def nothing_more() -> None:
    """Nothing to do."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """A program that runs for as long as the system does.

    `probe` answers whether it can be talked to. `lay_out` makes what it must hold
    (topics, tables, a schema), after each start, so it is safe to repeat. Only then is
    the part ready. `prepare` runs before each start. `notice` is said when the part
    was started again after it ended by itself. `scratch` is a folder that is emptied
    before each start and removed after the stop. `data` is the folder without room in
    which no start can succeed.
    """

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(repr=False)
    probe: Callable[[], Awaitable[bool]]
    lay_out: Callable[[], Awaitable[None]] = nothing_more
    prepare: Callable[[], Awaitable[None]] = nothing_more
    notice: str = ""
    scratch: Path | None = None
    data: Path | None = None
    deadline_s: float = 60.0
    stop_signal: signal.Signals = signal.SIGTERM
    stop_timeout_s: float = 10.0
