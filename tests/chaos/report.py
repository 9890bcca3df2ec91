"""docs/chaos.md, made from the kept records alone."""

import platform
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from tests.chaos.records import RECORDS, Record, compared, read

PLOT = "timeline.svg"
_WRONG = ("lost", "doubled", "made_up", "changed", "refused", "letters_lost", "letters_made_up")


def write(folder: Path) -> Path:
    """Write the page of all records in `folder`; its path."""
    file = page(folder)
    file.write_text("\n".join(_lines(folder.name, read(folder))) + "\n")
    return file


def page(folder: Path) -> Path:
    """Where the page of the records in `folder` is."""
    return folder.with_suffix(".md")


def bound(trials: int) -> str:
    """The 95 % upper bound of a rate after `trials` without a failure: 3/n, the rule of three."""
    return f"{3 / trials:.1e}" if trials else "none"


def _lines(folder: str, records: Sequence[Record]) -> Iterator[str]:
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
    ended = compared(records)
    count = sum((Counter(record["counts"]) for record in ended), Counter[str]())
    wrong = {name: sum(record["wrong"][name] for record in ended) for name in _WRONG}
    minutes = sum(record["load_s"] + record["rest_s"] for record in ended) / 60
    seeds = len({record["seed"] for record in records})
    yield "seeds", f"{seeds:,} in {len(records):,} runs of {minutes:.0f} min in all"
    yield (
        "runs by RATE, events a second",
        _told(f"{record['rate']:g}" if "rate" in record else None for record in records),
    )
    yield "runs by commit", _told(record.get("commit") for record in records)
    yield "accepted with 202", f"{count['accepted']:,} contents"
    for name, found in wrong.items():
        yield name.replace("_", " "), f"**{found}**"
    yield "runs that broke before anything was compared", f"**{len(records) - len(ended)}**"
    yield "runs after which something still waited", f"**{sum(not record['drained'] for record in ended)}**"
    yield "stops and starts that took too long", f"**{sum(len(record['late']) for record in ended)}**"
    yield "recovered: stored without a 202", f"{count['recovered']:,}, of them {count['halves']:,} by one leg only"
    yield "conflicts, poison", f"{count['conflicts']:,}, {count['poison']:,}"
    yield "dead letters", f"{count['letters']:,}, and {count['letters_repeated']:,} written twice"
    if not any(wrong.values()):
        yield "95 % upper bound of the share of accepted events that is lost (3/n)", bound(count["accepted"])
        yield "95 % upper bound of the share of runs that lose one (3/n)", bound(len(ended))


def _told(of_each_run: Iterable[str | None]) -> str:
    """Each value with its number of runs; the first records tell neither rate nor commit."""
    return ", ".join(f"{value or 'not kept'}: {runs:,}" for value, runs in Counter(of_each_run).items())


def _by_fault(records: Sequence[Record]) -> Iterator[str]:
    faults = Counter((fault["what"], fault["target"]) for record in records for fault in record["faults"])
    targets: dict[str, list[str]] = {}
    for (what, target), times in sorted(faults.items()):
        targets.setdefault(what, []).append(f"{target} {times}")
    yield "| fault | scheduled, times |"
    yield "|---|---|"
    for what, each in targets.items():
        yield f"| {what} | {', '.join(each)} |"


def _not_well(records: Sequence[Record]) -> Iterator[str]:
    for record in records:
        if wrong := _wrongs(record):
            how = f" (RATE={record['rate']:g}, commit {record['commit']})" if "rate" in record else ""
            yield ""
            yield f"Seed {record['seed']}{how}: {'; '.join(wrong)}."


def _wrongs(record: Record) -> list[str]:
    if "broke" in record:
        return [f"it broke: {record['broke']}"]
    wrong = [f"{found} {name.replace('_', ' ')}" for name, found in record["wrong"].items() if found]
    wrong += [] if record["drained"] else ["something still waited"]
    wrong += [f"late: {each}" for each in record["late"]]
    wrong += [] if record["counts"]["accepted"] else ["nothing was accepted"]
    return wrong
