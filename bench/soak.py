"""`python -m bench.soak [MINUTES]`: half load for long; no process may grow, and nothing lag.

Writes docs/benchmarks/soak.json, and says how much memory and how many descriptors each process
may have grown by.
"""

import argparse
import asyncio
import signal
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import msgspec

from bench.errors import DoesNotCount
from bench.measuring import machine, processes, slope
from bench.measuring.machine import Machine
from bench.measuring.processes import Held
from bench.measuring.slope import Slope
from bench.rigs import steady_sender, system_rig, waiting
from bench.rigs.waiting import Backlog
from bench.workload import Durations
from pipeline.core import clock
from pipeline.core.errors import MensageriaError
from stack.home import ROOT

OURS = ("gateway", "service-b", "service-c", "web")
_KEPT = ROOT / "docs" / "benchmarks" / "soak.json"
_SATURATED = Durations(warm_up_s=5, measure_s=10)
_SHARE = 0.5
_EVERY_S = 2.0
_SETTLING = 0.25
"""Of the time, in which caches fill and pools grow: it does not count."""
_MOST_GROWTH = 0.05
"""Of what a process holds, over the time that counts."""
_MOST_LAG_S = 2.0


Bounds = tuple[float, float]
"""The least and the most that a figure may be (95 %)."""


class Growth(msgspec.Struct, frozen=True):
    """What a process held at first, and what it grew by over the time that counts."""

    memory_mib: float
    memory_growth_mib: Bounds
    descriptors: float
    descriptor_growth: Bounds

    @property
    def is_flat(self) -> bool:
        """Whether neither may have grown by more than a little: what can't be told is not flat."""
        return (
            self.memory_growth_mib[1] <= _MOST_GROWTH * self.memory_mib
            and self.descriptor_growth[1] <= _MOST_GROWTH * self.descriptors
        )


class Soak(msgspec.Struct, frozen=True):
    """A soak, as it is kept."""

    began_at: str
    minutes: float
    rate_per_s: float
    events: int
    most_behind: int
    most_behind_at: str
    """The minute, and where most of these events were."""
    growth: dict[str, Growth]
    machine: Machine

    def faults(self) -> list[str]:
        """What is wrong; nothing where all is flat and nothing lagged."""
        found = [f"{name} may grow: {self.growth[name]}" for name in OURS if not self.growth[name].is_flat]
        if self.most_behind > _MOST_LAG_S * self.rate_per_s:
            found.append(
                f"{self.most_behind} events were behind {self.most_behind_at}: over {_MOST_LAG_S:g} s of the load"
            )
        return found


async def soak(minutes: float) -> Soak:
    """Run it. Raises DoesNotCount where an event is lost or doubled, or where a service was started again."""
    began_at = clock.rfc3339(clock.now())
    async with system_rig.started("disk") as rig:
        rate_per_s = _SHARE * (await rig.saturated(_SATURATED)).per_s
        before = await rig.at_rest()
        async with (
            waiting.watched(rig.system) as watched,
            steady_sender.sending(rig.system.endpoints["gateway"], rate_per_s) as sender,
        ):
            moments: list[float] = []
            held: list[dict[str, Held]] = []
            most = Backlog(0, {})
            most_s = 0.0
            begun, first_pids = time.monotonic(), rig.system.pids()
            while (moment := time.monotonic() - begun) < 60 * minutes:
                behind = await watched.backlog(sender)
                if behind.events > most.events:
                    most, most_s = behind, moment
                held.append(processes.held(rig.system.pids()))
                if moment // 60 > (moments[-1] // 60 if moments else -1):
                    _say_progress(moment / 60, minutes, sender.due, behind, held[-1])
                moments.append(moment)
                await asyncio.sleep(_EVERY_S)
        if again := [name for name in OURS if rig.system.pid(name) != first_pids[name]]:
            raise DoesNotCount(f"started again meanwhile: {', '.join(again)}")
        await rig.all_stored(before, sender.due)
    first = int(len(moments) * _SETTLING)
    growth = {name: _growth(moments[first:], [each[name] for each in held[first:]]) for name in held[0]}
    most_at = f"in minute {most_s / 60:.0f}, most of them in {most.place}"
    return Soak(began_at, minutes, rate_per_s, sender.due, most.events, most_at, growth, machine.this())


def _say_progress(passed: float, minutes: float, sent: int, behind: Backlog, held: Mapping[str, Held]) -> None:
    """A line a minute."""
    memory = ", ".join(f"{name} {held[name].memory_mib:.0f}" for name in OURS)
    sys.stderr.write(
        f"minute {passed:.0f} of {minutes:g}: {sent:,} events, {behind.events} behind ({behind.place}); MiB: {memory}\n"
    )


def _growth(moments_s: list[float], held: list[Held]) -> Growth:
    memory, descriptors = [each.memory_mib for each in held], [float(each.descriptors) for each in held]
    seconds = moments_s[-1] - moments_s[0]
    of_memory, of_descriptors = (slope.of(moments_s, series) for series in (memory, descriptors))
    return Growth(memory[0], _over(of_memory, seconds), descriptors[0], _over(of_descriptors, seconds))


def _over(found: Slope, seconds: float) -> Bounds:
    return found.least_per_s * seconds, found.most_per_s * seconds


def table(growth: Mapping[str, Growth]) -> list[str]:
    """A line a process."""
    return [
        f"{name:<10} {each.memory_mib:7.1f} MiB, grown by {_told(each.memory_growth_mib)};"
        f" {each.descriptors:4.0f} descriptors, by {_told(each.descriptor_growth)}"
        for name, each in growth.items()
    ]


def _told(bounds: Bounds) -> str:
    return f"{bounds[0]:.2f} to {bounds[1]:.2f}"


def main() -> int:
    """The exit code: 1 where something grows or lagged, 2 where it can't be run, 130 if interrupted."""
    parser = argparse.ArgumentParser(prog="python -m bench.soak")
    parser.add_argument("minutes", nargs="?", type=float, default=30.0)
    parser.add_argument("--out", type=Path, default=_KEPT)
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # what was started is stopped by that too
    try:
        found = asyncio.run(soak(arguments.minutes))
    except (DoesNotCount, MensageriaError) as error:
        sys.stderr.write(f"soak: {error}\n")
        return 2
    except KeyboardInterrupt:
        sys.stderr.write("soak: interrupted; nothing is kept\n")
        return 130
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_bytes(msgspec.json.format(msgspec.json.encode(found), indent=1) + b"\n")
    sys.stdout.write("\n".join([*table(found.growth), *found.faults()]) + "\n")
    return int(bool(found.faults()))


if __name__ == "__main__":
    sys.exit(main())
