"""`python -m tests.chaos`: seed after seed on one system, each with other faults; `make chaos` calls it."""

import argparse
import asyncio
import logging
import random
import shutil
import signal
import sys
import tempfile
import time
import typing
from collections.abc import Iterator
from pathlib import Path

from stack.home import ROOT
from tests.chaos import report, schedule, timeline
from tests.chaos.publishers import Mix
from tests.chaos.rig import Rig, rig
from tests.chaos.run import Run, drive

_KEPT = ROOT / "docs" / "chaos"
_TRIED = ROOT / ".local" / "chaos"


def main() -> int:
    """The exit code: 1 where something was wrong, 130 where it was interrupted."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30, help="begin no run after so long (30)")
    parser.add_argument("--seed", type=int, help="the one run of this seed")
    parser.add_argument("--rate", type=float, default=Mix.per_s, help=f"events a second ({Mix.per_s:.0f})")
    parser.add_argument("--keep", action="store_true", help="add to docs/chaos, not to .local/chaos")
    arguments = parser.parse_args()
    folder = _KEPT if arguments.keep else _TRIED
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # brokers are killed here: it would tell of each try
    seeds = iter((arguments.seed,)) if arguments.seed is not None else _any_seeds(arguments.minutes)
    try:
        are_well = asyncio.run(_stretch(seeds, Mix(per_s=arguments.rate), folder))
    except (KeyboardInterrupt, asyncio.CancelledError):
        sys.stderr.write("chaos: interrupted; the runs that ended are kept\n")
        return 130
    _say(f"written: {report.write(folder)}")
    return 0 if are_well else 1


def _any_seeds(minutes: float) -> Iterator[int]:
    end = time.monotonic() + minutes * 60
    while time.monotonic() < end:
        yield random.randrange(1_000_000)


async def _stretch(seeds: Iterator[int], mix: Mix, folder: Path) -> bool:
    """Run each seed and keep its record; whether all were well."""
    running = typing.cast("asyncio.Task[bool]", asyncio.current_task())
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, running.cancel)
    are_well, most_faults = True, 0
    with tempfile.TemporaryDirectory(prefix="mensageria-chaos-") as home:
        _say("starting the system")
        async with rig(Path(home)) as one:
            for seed in seeds:
                run = await _run(one, seed, mix)
                report.keep(folder, run)
                if len(run.faults) > most_faults:
                    most_faults = len(run.faults)
                    timeline.write(folder / report.PLOT, run)
                if not run.is_well:
                    are_well = False
                    _say(f"  kept for a look: {_evidence(one, folder, seed)}")
    return are_well


async def _run(one: Rig, seed: int, mix: Mix) -> Run:
    drawn = schedule.draw(seed)
    faults = schedule.possible(drawn)
    _say(f"seed {seed}: {'; '.join(map(str, faults))}")
    for fault in drawn:
        if fault not in faults:
            _say(f"  left out, as this machine can't: {fault}")
    run = await drive(one, faults, seed=seed, mix=mix)
    _say(f"  {'well' if run.is_well else 'WRONG'}: {run.counts.accepted} accepted, at rest after {run.rest_s:.1f} s")
    if not run.is_well:
        _say(f"  {run.wrongs}")
    return run


def _evidence(one: Rig, folder: Path, seed: int) -> Path:
    """The logs and the journals of a run that was not well, out of the home that goes."""
    kept = folder / f"wrong-{seed}"
    for name in ("logs", "journals"):
        shutil.copytree(one.home.folder(name), kept / name, dirs_exist_ok=True)
    (kept / "supervisor.log").write_text("\n".join(one.said))
    return kept


def _say(line: str) -> None:
    sys.stdout.write(f"{time.strftime('%H:%M:%S')} {line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
