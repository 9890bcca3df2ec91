"""`python -m bench [WORKLOAD ...]`: measure, print the tables, and write docs/benchmarks.md."""

import argparse
import asyncio
import logging
import shlex
import signal
import sys
import time
from dataclasses import replace
from pathlib import Path

from bench import catalogue, check, plot, report, rounds
from bench.errors import BenchError
from bench.measuring import profiler
from bench.report import Records
from bench.studies import scale
from bench.workload import Durations, Record, Workload
from pipeline.core.errors import MensageriaError
from stack.home import ROOT

_FULL = Durations(warm_up_s=1.5, measure_s=3)
_QUICK = Durations(warm_up_s=1, measure_s=2)
_KEPT = ROOT / "docs" / "benchmarks"
_TRIED = ROOT / ".local" / "benchmarks"


def main() -> int:
    """The exit code: 1 where a run did not count or a ratio is worse, 2 where it can't run, 130 if interrupted."""
    arguments = _arguments()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # what was started is stopped by that too
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # brokers are killed here: it would tell of each try
    try:
        _require_linux()
        if arguments.check:
            return _check()
        return _measure_all(arguments)
    except KeyboardInterrupt:
        sys.stderr.write("bench: interrupted; what was measured whole is kept\n")
        return 130
    except MensageriaError as error:
        sys.stderr.write(f"bench: {error}\n")
        return 2


def _measure_all(arguments: argparse.Namespace) -> int:
    folder = arguments.out or (_TRIED if arguments.quick else _KEPT)
    chosen = catalogue.chosen(arguments.workloads)
    if arguments.profile:
        return _profile(chosen, folder)
    records = asyncio.run(_measure(chosen, arguments.runs, _QUICK if arguments.quick else _FULL, folder))
    for workload, record in records:
        _tell(workload, record)
    return int(len(records) < len(chosen) or any(run.fault for _, record in records for run in record.runs))


def _check() -> int:
    chosen = check.subset()
    records = asyncio.run(_measure(chosen, check.RUNS, check.DURATIONS, _TRIED))
    measured = {workload.name for workload, _ in records}
    faults = [f"{workload.name}: not measured" for workload in chosen if workload.name not in measured]
    for workload, record in records:
        _tell(workload, record)
        kept = report.kept(_KEPT, workload.name)
        faults += check.worse(workload, kept, record) if kept else [f"{workload.name}: nothing is kept"]
    sys.stdout.write("\n" + "\n".join(faults or ["no ratio is worse than the kept one by more than its spread"]) + "\n")
    return int(bool(faults))


def _profile(chosen: list[Workload], folder: Path) -> int:
    """One run of the first case of each workload: its flame graph is kept, and no figure, for sampling costs."""
    folder.mkdir(parents=True, exist_ok=True)
    for workload in chosen:
        file = folder / f"{workload.name.lower()}.svg"
        with profiler.writing(file):
            asyncio.run(rounds.record(replace(workload, cases=workload.cases[:1]), 1, _FULL, command="", say=_say))
        _say(f"written: {file}")
    return 0


async def _measure(chosen: list[Workload], runs: int, durations: Durations, folder: Path) -> Records:
    command = shlex.join(["python", "-m", "bench", *sys.argv[1:]])
    records: Records = []
    for workload in chosen:
        _say(f"{workload.name}: {workload.title}")
        try:
            record = await rounds.record(workload, runs, durations, command=command, say=_say)
        except MensageriaError as error:  # its servers did not start: the others still can be measured
            _say(f"{workload.name}: not measured: {error}")
            continue
        records.append((workload, record))
        report.keep(folder, record)
        _write_page(folder)
    return records


def _write_page(folder: Path) -> None:
    all_kept = report.all_kept(folder, catalogue.ALL)
    plot.write(folder / report.PLOT, all_kept)
    _say(f"written: {report.write(folder, all_kept)}")
    if folder == _KEPT:
        scale.write()


def _tell(workload: Workload, record: Record) -> None:
    lines = [f"{workload.name}: {workload.title}", *report.table(workload, record)]
    lines += [report.verdict(target, record) for target in workload.targets]
    sys.stdout.write("\n" + "\n".join(lines) + "\n")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measures the pipeline against naive ones.")
    parser.add_argument("workloads", nargs="*", metavar="WORKLOAD", help=f"of {', '.join(catalogue.ALL)}; default: all")
    parser.add_argument("--runs", type=int, default=5, help="of each case, in turn (default: 5)")
    parser.add_argument("--quick", action="store_true", help="short runs, to see that it works; kept in .local/")
    parser.add_argument("--check", action="store_true", help="a short subset, held against what is kept")
    parser.add_argument("--profile", action="store_true", help="a flame graph of each workload, and no figures")
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
