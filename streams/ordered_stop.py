"""Ends a worker within 10 s of the signal, even if something hangs.

What is in flight gets the first seconds to be settled; then it is given back, so that others
settle it at once; and in the end, where even that hangs, the process ends as a kill would:
what it held comes again, and the stores make the repeat harmless.
"""

import asyncio
import os
import threading
from collections.abc import Iterable
from typing import Any, Protocol

import faust
import structlog

from streams.intake import Intake

_log = structlog.get_logger(__name__)

_SETTLE_S = 2.0
_LONGEST_S = 7.0
"""Less than the 10 s by what a starved machine takes to notice the signal (2.6 s were seen) and to end the process."""
EXIT_CODE = 70
"""EX_SOFTWARE of sysexits.h."""


def bound_stop(app: faust.App, intakes: Iterable[Intake]) -> None:
    """Let the stop of `app`, and of the `intakes` in it, take no longer than that."""

    @app.on_before_shutdown.connect  # type: ignore[untyped-decorator]
    async def begin(*_: Any, **__: Any) -> None:
        for intake in intakes:
            asyncio.get_running_loop().call_later(_SETTLE_S, intake.give_up)
        last = threading.Timer(_LONGEST_S, _end)  # a thread: what hangs may be the event loop
        last.daemon = True
        last.start()


class Closing(Protocol):
    """What holds connections."""

    async def close(self) -> None:
        """Let go of them."""
        ...


def close_at_shutdown(app: faust.App, *resources: Closing) -> None:
    """Close `resources`, in this order, when the agents and services of `app` have ended."""
    for resource in reversed(resources):
        app.async_exit_stack.push_async_callback(resource.close)


def _end() -> None:
    _log.error("the stop hangs: ending the process", after_s=_LONGEST_S)
    os._exit(EXIT_CODE)
