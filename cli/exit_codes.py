"""Exit codes of the command, and the reason on stderr."""

import asyncio
import os
import sys
from collections.abc import Coroutine
from typing import Any, NoReturn

import typer

from cli.output import complain
from pipeline.core.errors import InvalidParameters, MensageriaError, SettingsError

OK = 0
FOUND = 1
"""Differences, a refusal, an event that isn't there."""
USAGE = 2
UNAVAILABLE = 3
INTERRUPTED = 130
UNREAD = 141
"""Who reads the output has gone, as `head` does: what the shell gives for SIGPIPE."""


def run(work: Coroutine[Any, Any, int]) -> NoReturn:
    """Do `work` and end with the code that it gives, or with that of its error."""
    try:
        code = asyncio.run(work)
        sys.stdout.flush()
    except KeyboardInterrupt:
        complain("interrupted: what was done is done, and it can be done again")
        code = INTERRUPTED
    except BrokenPipeError:
        # What is still in the buffer would be tried again at the end, and fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = UNREAD
    except UnicodeEncodeError as error:
        # Everything that is written is escaped where it must be: what is left is an argument.
        complain(f"an argument isn't text in {sys.getfilesystemencoding()}: {error.object!a}")
        code = USAGE
    except MensageriaError as error:
        complain(str(error))
        code = _code(error)
    raise typer.Exit(code)


def _code(error: MensageriaError) -> int:
    if error.retriable:
        return UNAVAILABLE
    return USAGE if isinstance(error, SettingsError | InvalidParameters) else FOUND
