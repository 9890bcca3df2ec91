"""`make run`: the system in the foreground, from its start to its ordered stop."""

import asyncio
import signal
import time

from pipeline.core.settings.stack import StackSettings
from stack import ports, system
from stack.console import say
from stack.home import Home
from stack.ports import Ports
from stack.supervisor import Supervisor

_INTERRUPTED = 130
_SHOWN = ("web", "gateway", "query", "service_b", "service_c", "kafka", "aws", "dynamodb", "prometheus", "jaeger")


async def run(settings: StackSettings, home: Home, start: system.Start = system.start) -> int:
    """Run until a signal: 0 where all was ready, 130 in mid-start.

    Raises StackError, with everything stopped, where the system can't start or go on.
    """
    interrupted = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, interrupted.set)
    with home.held():
        home.endpoints.unlink(missing_ok=True)
        serving = asyncio.create_task(_serve(settings, home, ports.choose(settings), start))
        waiting = asyncio.create_task(interrupted.wait())
        await asyncio.wait({serving, waiting}, return_when=asyncio.FIRST_COMPLETED)
        was_ready = home.endpoints.exists()
        if interrupted.is_set():
            say("stopping" if was_ready else "interrupted before all was ready: stopping")
            serving.cancel()
        await asyncio.wait({serving})
    if not serving.cancelled() and (error := serving.exception()):
        raise _first(error)
    say("all stopped")
    return 0 if was_ready else _INTERRUPTED


async def _serve(settings: StackSettings, home: Home, chosen: Ports, start: system.Start) -> None:
    begun = time.monotonic()
    async with Supervisor(home, say) as supervisor:
        endpoints = await start(supervisor, settings, home, chosen)
        with home.published(endpoints):
            say(f"all is ready after {time.monotonic() - begun:.1f} s; Ctrl-C stops it")
            say(f"its addresses, also in {home.endpoints}:")
            for name in filter(endpoints.__contains__, _SHOWN):
                print(f"  {name:<10} {endpoints[name]}", flush=True)
            await asyncio.Event().wait()  # until it is cancelled, or a part can't be kept


def _first(error: BaseException) -> BaseException:
    """The first failure: those that follow are its consequences."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
