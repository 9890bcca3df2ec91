"""docs/benchmarks.md, made from the kept records alone."""

from collections.abc import Iterator
from pathlib import Path

import msgspec

from bench import targets
from bench.measuring import spread
from bench.measuring.spread import Spread
from bench.workload import Figure, Record, Target, Workload

PLOT = "benchmarks.svg"
Records = list[tuple[Workload, Record]]


def write(folder: Path, records: Records) -> Path:
    """The page `folder`.md of all `records`; its path."""
    page = folder.with_suffix(".md")
    page.write_text("\n".join(_page(folder.name, records)) + "\n")
    return page


def keep(folder: Path, record: Record) -> None:
    """Write `record` to `folder`, in place of the workload's earlier one."""
    folder.mkdir(parents=True, exist_ok=True)
    text = msgspec.json.format(msgspec.json.encode(record), indent=1)
    _file(folder, record.workload).write_bytes(text + b"\n")


def kept(folder: Path, workload: str) -> Record | None:
    """The record of `workload` in `folder`."""
    file = _file(folder, workload)
    return msgspec.json.decode(file.read_bytes(), type=Record) if file.exists() else None


def all_kept(folder: Path, workloads: dict[str, Workload]) -> Records:
    """The workloads that have a record in `folder`, each with it."""
    return [(workload, record) for name, workload in workloads.items() if (record := kept(folder, name))]


def table(workload: Workload, record: Record) -> list[str]:
    """The workload's table in Markdown: a row a case, medians with least and greatest."""
    headings = ["case", *(figure.heading for figure in workload.figures), "runs that count"]
    if workload.references:
        headings.insert(2, "of the reference")
    rows = [_row(workload, record, case) for case in workload.cases]
    return [_line(headings), _line(["---"] * len(headings)), *map(_line, rows)]


def verdict(target: Target, record: Record) -> str:
    """One line: the target, what was measured, and whether it is met."""
    unit = target.figure.heading
    asked = f"{target.case}: {unit} ≤ {target.at_most:g}"
    if target.reference:
        asked += f" of {target.reference}'s"
    if target.stretch:
        asked += f" (stretch {target.stretch:g})"
    found = targets.measured(target, record)
    if not found:
        return f"{asked}: **not measured**"
    met = "met" if found.median <= target.at_most else "missed"
    if target.stretch and found.median <= target.stretch:
        met = "met, and the stretch"
    return f"{asked}: {_cell(found, 3 if target.reference else target.figure.decimals)}, **{met}**"


def _page(folder: str, records: Records) -> Iterator[str]:
    yield "# Benchmarks"
    yield ""
    yield "Made by `make bench` (bench/): every case in turn, round after round, on one machine in one run. A cell is"
    yield "the median of the runs with the least and the greatest. A run counts only if every event was accepted"
    yield f"and is where it should be. The raw results are the JSON files in {folder}/."
    yield ""
    yield f"![The main figure of each workload, by case]({folder}/{PLOT})"
    for workload, record in records:
        yield ""
        yield from _section(workload, record)


def _section(workload: Workload, record: Record) -> Iterator[str]:
    yield f"## {workload.name}: {workload.title}"
    yield ""
    yield workload.explanation
    yield ""
    yield from table(workload, record)
    yield ""
    yield from (f"- {verdict(target, record)}" for target in workload.targets)
    yield from (f"- {run.case}, round {run.round}, does not count: {run.fault}" for run in record.runs if run.fault)
    yield ""
    yield from _circumstances(record)


def _circumstances(record: Record) -> Iterator[str]:
    machine = record.machine
    versions = ", ".join(f"{name} {version}" for name, version in (machine.servers | machine.packages).items())
    yield f"`{record.command}`, {record.began_at[:16].replace('T', ' ')} UTC, commit {machine.commit}; each run"
    yield f"{record.durations.warm_up_s:g} s of warm-up and {record.durations.measure_s:g} s measured."
    speed = f"; a million additions in Python take {machine.loop_ms:g} ms" if machine.loop_ms else ""
    yield f"{machine.cores} cores of {machine.cpu}, {machine.memory_gib} GiB{speed}; {machine.system};"
    yield f"Python {machine.python}; {versions}."


def _row(workload: Workload, record: Record, case: str) -> list[str]:
    cells = [case, *(_figure(record, case, figure) for figure in workload.figures)]
    if workload.references:
        cells.insert(2, _against(record, case, workload.references.get(case), workload.figures[0]))
    runs = [run for run in record.runs if run.case == case]
    return [*cells, f"{sum(not run.fault for run in runs)} of {len(runs)}"]


def _figure(record: Record, case: str, figure: Figure) -> str:
    figures = list(record.figures(case, figure.name).values())
    return _cell(spread.of(figures), figure.decimals) if figures else "-"


def _against(record: Record, case: str, reference: str | None, figure: Figure) -> str:
    ratio = targets.ratio(record, case, reference, figure) if reference else None
    return _cell(ratio, 3) if ratio else "-"


def _cell(found: Spread, decimals: int) -> str:
    return f"{found.median:,.{decimals}f} ({found.least:,.{decimals}f} to {found.greatest:,.{decimals}f})"


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _file(folder: Path, workload: str) -> Path:
    return folder / f"{workload.lower()}.json"
