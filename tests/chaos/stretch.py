"""Seed after seed on one system: each run is kept as it ends, or as it breaks."""

import shutil
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

from tests.chaos import records, report, schedule, timeline
from tests.chaos.publishers import Mix
from tests.chaos.rig import Rig, rig
from tests.chaos.run import Begun, Run, drive
from tests.chaos.schedule import Fault


class Stretch:
    """Runs whose records, page, timeline and evidence go into `folder`; the source is that of `commit`."""

    def __init__(self, folder: Path, mix: Mix, commit: str) -> None:
        self._folder = folder
        self._mix = mix
        self._commit = commit
        self._most_faults = records.most_faults(folder)
        self._are_well = True
        self._under_way: tuple[Rig, Begun] | None = None

    async def run(self, seeds: Iterable[int]) -> bool:
        """Run each of `seeds`; whether all were well. Raises what one raises, once that is kept."""
        with tempfile.TemporaryDirectory(prefix="mensageria-chaos-") as home:
            # Around the system, not the run: where the supervisor gives up, it cancels the run, and raises here.
            try:
                await self._each(Path(home), seeds)
            except Exception as error:
                self._keep_broken(error)
                raise
        _say(f"written: {report.page(self._folder)}")
        return self._are_well

    async def _each(self, home: Path, seeds: Iterable[int]) -> None:
        _say("starting the system")
        async with rig(home) as one:
            for seed in seeds:
                faults = _faults(seed)
                self._under_way = one, Begun(seed, self._mix.per_s, time.time(), faults)
                run = await drive(one, faults, seed=seed, mix=self._mix)
                self._under_way = None
                self._keep(one, run)

    def _keep(self, one: Rig, run: Run) -> None:
        _say(
            f"  {'well' if run.is_well else 'WRONG'}: {run.counts.accepted} accepted, at rest after {run.rest_s:.1f} s"
        )
        records.keep(self._folder, run, self._commit)
        report.write(self._folder)
        if len(run.faults) > self._most_faults:
            self._most_faults = len(run.faults)
            timeline.write(self._folder / report.PLOT, run)
        if not run.is_well:
            self._are_well = False
            _say(f"  {run.wrongs}")
            self._keep_evidence(one, run.seed)

    def _keep_broken(self, error: Exception) -> None:
        if not self._under_way:  # the system did not start, or not stop
            return
        one, run = self._under_way
        records.keep_broken(self._folder, run, self._commit, error)
        _say(f"  BROKE; written: {report.write(self._folder)}")
        self._keep_evidence(one, run.seed)

    def _keep_evidence(self, one: Rig, seed: int) -> None:
        """The logs and the journals of a run that was not well, out of the home that goes."""
        kept = self._folder / f"wrong-{seed}"
        for name in ("logs", "journals"):
            shutil.copytree(one.home.folder(name), kept / name, dirs_exist_ok=True)
        (kept / "supervisor.log").write_text("\n".join(one.said))
        _say(f"  kept for a look: {kept}")


def _say(line: str) -> None:
    sys.stdout.write(f"{time.strftime('%H:%M:%S')} {line}\n")
    sys.stdout.flush()


def _faults(seed: int) -> list[Fault]:
    """Those of `seed` that this machine can do; the others are named."""
    drawn = schedule.draw(seed)
    faults = schedule.possible(drawn)
    _say(f"seed {seed}: {'; '.join(map(str, faults))}")
    for fault in drawn:
        if fault not in faults:
            _say(f"  left out, as this machine can't: {fault}")
    return faults
