"""Runs the cases of a workload in turn: A B A B, so that what changes on the machine meets all of them."""

from collections.abc import Callable

from bench.errors import DoesNotCount
from bench.measuring import machine
from bench.workload import Durations, MeasureCase, Record, Run, Workload
from pipeline.core import clock
from stack.errors import PartFailed


async def record(
    workload: Workload,
    rounds: int,
    durations: Durations,
    *,
    command: str,
    say: Callable[[str], None],
) -> Record:
    """`rounds` runs of every case of `workload`; a run that does not count is recorded with its fault."""
    began_at = clock.rfc3339(clock.now())
    runs: list[Run] = []
    async with workload.start(durations) as measure:
        for number in range(1, rounds + 1):
            for case in workload.cases:
                run = await _run(measure, case, number)
                runs.append(run)
                say(f"{workload.name}  {number}/{rounds}  {case:<20} {_summary(workload, run)}")
    return Record(
        workload=workload.name,
        command=command,
        began_at=began_at,
        durations=durations,
        machine=machine.this(),
        runs=runs,
    )


async def _run(measure: MeasureCase, case: str, number: int) -> Run:
    try:
        return Run(round=number, case=case, figures=await measure(case))
    except (DoesNotCount, PartFailed) as error:
        return Run(round=number, case=case, figures={}, fault=str(error))


def _summary(workload: Workload, run: Run) -> str:
    if run.fault:
        return f"does not count: {run.fault}"
    told = [each for each in workload.figures if each.name in run.figures]
    return "  ".join(f"{run.figures[each.name]:.{each.decimals}f} {each.heading}" for each in told[:3])
