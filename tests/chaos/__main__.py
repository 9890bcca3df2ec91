"""`python -m tests.chaos`: seed after seed on one system, each with other faults; `make chaos` calls it."""

import argparse
import asyncio
import logging
import random
import signal
import sys
import time
import typing
from collections.abc import Iterator

from bench.measuring import machine
from stack.home import ROOT
from tests.chaos.publishers import Mix
from tests.chaos.stretch import Stretch

_KEPT = ROOT / "docs" / "chaos"
_TRIED = ROOT / ".local" / "chaos"


def main() -> int:
    """The exit code: 1 where something was wrong or broke, 130 where it was interrupted."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30, help="begin no run after so long (30)")
    parser.add_argument("--seed", type=int, help="the one run of this seed")
    parser.add_argument("--rate", type=float, default=Mix.per_s, help=f"events a second ({Mix.per_s:.0f})")
    parser.add_argument("--keep", action="store_true", help="add to docs/chaos, not to .local/chaos")
    arguments = parser.parse_args()
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # brokers are killed here: it would tell of each try
    seeds = iter((arguments.seed,)) if arguments.seed is not None else _any_seeds(arguments.minutes)
    stretch = Stretch(_KEPT if arguments.keep else _TRIED, Mix(per_s=arguments.rate), machine.this().commit)
    try:
        are_well = asyncio.run(_until_stopped(stretch, seeds))
    except (KeyboardInterrupt, asyncio.CancelledError):
        sys.stderr.write("chaos: interrupted; the runs that ended are kept\n")
        return 130
    return 0 if are_well else 1


def _any_seeds(minutes: float) -> Iterator[int]:
    end = time.monotonic() + minutes * 60
    while time.monotonic() < end:
        yield random.randrange(1_000_000)


async def _until_stopped(stretch: Stretch, seeds: Iterator[int]) -> bool:
    """Run each seed; SIGTERM stops it in order."""
    running = typing.cast("asyncio.Task[bool]", asyncio.current_task())
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, running.cancel)
    return await stretch.run(seeds)


if __name__ == "__main__":
    sys.exit(main())
