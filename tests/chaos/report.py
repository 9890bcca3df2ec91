"""docs/chaos.md, made from the kept records alone."""

import json
import platform
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tests.chaos.run import Run

Record = dict[str, Any]
RECORDS, PLOT = "runs.jsonl", "timeline.svg"
_WRONG = ("lost", "doubled", "made_up", "changed", "refused", "letters_lost", "letters_made_up")


def keep(folder: Path, run: Run) -> None:
    """Add the record of `run` to those in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    record = {
        "seed": run.seed,
        "begun": round(run.begun),
        "load_s": round(run.load_s, 1),
        "rest_s": round(run.rest_s, 1),
        "faults": [asdict(fault) for fault in run.faults],
        "counts": asdict(run.counts),
        "wrong": {name: len(found) for name, found in asdict(run.findings).items()},
        "drained": run.is_drained,
        "late": run.late,
    }
    with (folder / RECORDS).open("a") as records:
        records.write(json.dumps(record) + "\n")


def write(folder: Path) -> Path:
    """The page `folder`.md of all records in `folder`; its path."""
    with (folder / RECORDS).open() as lines:
        records = [json.loads(line) for line in lines]
    page = folder.with_suffix(".md")
    page.write_text("\n".join(_page(folder.name, records)) + "\n")
    return page


def bound(trials: int) -> str:
    """The 95 % upper bound of a rate after `trials` without a failure: 3/n, the rule of three."""
    return f"{3 / trials:.1e}" if trials else "none"


def _page(folder: str, records: Sequence[Record]) -> Iterator[str]:
    yield "# Chaos runs"
    yield ""
    yield f"Made by `make chaos` (tests/chaos), on {platform.system()} {platform.machine()}, Python"
    yield f"{platform.python_version()}. How a run goes and what is counted: [fault-kit.md](fault-kit.md)."
    yield f"The raw records are in [{folder}/{RECORDS}]({folder}/{RECORDS})."
    yield ""
    yield "| | |"
    yield "|---|---|"
    yield from (f"| {name} | {value} |" for name, value in _figures(records))
    yield ""
    yield f"![The run with the most faults, second by second]({folder}/{PLOT})"
    yield ""
    yield from _by_fault(records)
    yield from _not_well(records)
    yield ""
    yield f"Seeds: {', '.join(str(record['seed']) for record in records)}."


def _figures(records: Sequence[Record]) -> Iterator[tuple[str, str]]:
    count = {name: sum(record["counts"][name] for record in records) for name in records[0]["counts"]}
    wrong = {name: sum(record["wrong"][name] for record in records) for name in _WRONG}
    minutes = sum(record["load_s"] + record["rest_s"] for record in records) / 60
    seeds = len({record["seed"] for record in records})
    yield "seeds", f"{seeds:,} in {len(records):,} runs of {minutes:.0f} min in all"
    yield "accepted with 202", f"{count['accepted']:,} contents"
    for name, found in wrong.items():
        yield name.replace("_", " "), f"**{found}**"
    yield "runs after which something still waited", f"**{sum(not record['drained'] for record in records)}**"
    yield "stops and starts that took too long", f"**{sum(len(record['late']) for record in records)}**"
    yield "recovered: stored without a 202", f"{count['recovered']:,}, of them {count['halves']:,} by one leg only"
    yield "conflicts, poison", f"{count['conflicts']:,}, {count['poison']:,}"
    yield "dead letters", f"{count['letters']:,}, and {count['letters_repeated']:,} written twice"
    if not any(wrong.values()):
        yield "95 % upper bound of the share of accepted events that is lost (3/n)", bound(count["accepted"])
        yield "95 % upper bound of the share of runs that lose one (3/n)", bound(len(records))


def _by_fault(records: Sequence[Record]) -> Iterator[str]:
    faults = Counter((fault["what"], fault["target"]) for record in records for fault in record["faults"])
    targets: dict[str, list[str]] = {}
    for (what, target), times in sorted(faults.items()):
        targets.setdefault(what, []).append(f"{target} {times}")
    yield "| fault | struck, times |"
    yield "|---|---|"
    for what, each in targets.items():
        yield f"| {what} | {', '.join(each)} |"


def _not_well(records: Sequence[Record]) -> Iterator[str]:
    for record in records:
        wrong = [f"{found} {name.replace('_', ' ')}" for name, found in record["wrong"].items() if found]
        wrong += [] if record["drained"] else ["something still waited"]
        wrong += [f"late: {each}" for each in record["late"]]
        if wrong:
            yield ""
            yield f"Seed {record['seed']}: {'; '.join(wrong)}."
