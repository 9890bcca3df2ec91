"""`python -m bench [WORKLOAD ...]`: measure, print the tables, and write docs/benchmarks.md."""

import argparse
import asyncio
import shlex
import sys
import time
from pathlib import Path

from bench import plot, report, rounds, workloads
from bench.errors import BenchError
from bench.workload import Durations, Record, Workload
from pipeline.errors import MensageriaError
from stack.home import ROOT

_FULL = Durations(warm_up_s=3, measure_s=10)
_QUICK = Durations(warm_up_s=1, measure_s=2)
_KEPT = ROOT / "docs" / "benchmarks"
_TRIED = ROOT / ".local" / "benchmarks"


def main() -> int:
    """The exit code: 1 where a run did not count, 2 where the benchmark can't run, 130 where it was interrupted."""
    arguments = _arguments()
    folder = arguments.out or (_TRIED if arguments.quick else _KEPT)
    durations = _QUICK if arguments.quick else _FULL
    try:
        _require_linux()
        chosen = workloads.chosen(arguments.workloads)
        records = asyncio.run(_measure(chosen, arguments.runs, durations, folder))
    except KeyboardInterrupt:
        sys.stderr.write("bench: interrupted; what was measured whole is kept\n")
        return 130
    except MensageriaError as error:
        sys.stderr.write(f"bench: {error}\n")
        return 2
    for workload, record in zip(chosen, records, strict=True):
        _tell(workload, record)
    all_kept = report.all_kept(folder, workloads.ALL)
    plot.write(folder / report.PLOT, all_kept)
    _say(f"written: {report.write(folder, all_kept)}")
    return int(any(run.fault for record in records for run in record.runs))


async def _measure(chosen: list[Workload], runs: int, durations: Durations, folder: Path) -> list[Record]:
    command = shlex.join(["python", "-m", "bench", *sys.argv[1:]])
    records: dict[str, Record] = {}
    for workload in chosen:
        _say(f"{workload.name}: {workload.title}")
        record = await rounds.record(workload, runs, durations, earlier=records, command=command, say=_say)
        records[workload.name] = record
        report.keep(folder, record)
    return list(records.values())


def _tell(workload: Workload, record: Record) -> None:
    lines = [f"{workload.name}: {workload.title}", *report.table(workload, record)]
    lines += [report.verdict(target, record) for target in workload.targets]
    sys.stdout.write("\n" + "\n".join(lines) + "\n")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measures the pipeline against naive ones.")
    parser.add_argument("workloads", nargs="*", metavar="WORKLOAD", help=f"of {', '.join(workloads.ALL)}; default: all")
    parser.add_argument("--runs", type=int, default=5, help="of each case, in turn (default: 5)")
    parser.add_argument("--quick", action="store_true", help="short runs, to see that it works; kept in .local/")
    parser.add_argument("--out", type=Path, help="folder of the results; the page is beside it")
    arguments = parser.parse_args()
    if arguments.runs < 1:
        parser.error("--runs: give at least 1")
    return arguments


def _require_linux() -> None:
    if sys.platform != "linux":
        raise BenchError("it reads CPU time from /proc and pins cores: run it on Linux")


def _say(line: str) -> None:
    sys.stdout.write(f"{time.strftime('%H:%M:%S')}  {line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
