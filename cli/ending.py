"""How a command ends: its exit code, and on stderr why."""

import asyncio
from collections.abc import Coroutine
from typing import Any, NoReturn

import typer

from cli.output import complain
from pipeline.errors import MensageriaError, SettingsError

OK = 0
FOUND = 1
"""Differences, a refusal, an event that isn't there."""
USAGE = 2
UNAVAILABLE = 3
INTERRUPTED = 130


def run(work: Coroutine[Any, Any, int]) -> NoReturn:
    """Do `work` and end with the code that it gives, or with that of its error."""
    try:
        code = asyncio.run(work)
    except KeyboardInterrupt:
        complain("interrupted: what was done is done, and it can be done again")
        code = INTERRUPTED
    except MensageriaError as error:
        complain(str(error))
        code = _code(error)
    raise typer.Exit(code)


def _code(error: MensageriaError) -> int:
    if error.retriable:
        return UNAVAILABLE
    return USAGE if isinstance(error, SettingsError) else FOUND
