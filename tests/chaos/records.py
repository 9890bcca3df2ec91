"""What is kept of each run: one JSON object a line."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tests.chaos.run import Begun, Run

Record = dict[str, Any]
RECORDS = "runs.jsonl"
_ERROR_CHARACTERS = 200


def keep(folder: Path, run: Run, commit: str) -> None:
    """Add the record of `run`, made with the source of `commit`, to those in `folder`."""
    what_came = {
        "load_s": round(run.load_s, 1),
        "rest_s": round(run.rest_s, 1),
        "counts": asdict(run.counts),
        "wrong": {name: len(found) for name, found in asdict(run.findings).items()},
        "drained": run.is_drained,
        "late": run.late,
    }
    _add(folder, _what_was_done(run, commit) | what_came)


def keep_broken(folder: Path, run: Begun, commit: str, error: Exception) -> None:
    """Add the record of a `run` that raised `error`, so that nothing was compared, to those in `folder`."""
    _add(folder, _what_was_done(run, commit) | {"broke": _in_short(error)})


def read(folder: Path) -> list[Record]:
    """All in `folder`. Those of the first runs have neither `rate` nor `commit`."""
    file = folder / RECORDS
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def compared(records: Sequence[Record]) -> list[Record]:
    """Those of runs that came to the comparison."""
    return [record for record in records if "broke" not in record]


def most_faults(folder: Path) -> int:
    """How many the run in `folder` has that has the most: it is the one that is drawn."""
    return max((len(record["faults"]) for record in compared(read(folder))), default=0)


def _what_was_done(run: Begun, commit: str) -> Record:
    return {
        "seed": run.seed,
        "rate": run.rate,
        "commit": commit,
        "begun": round(run.begun),
        "faults": [asdict(fault) for fault in run.faults],
    }


def _in_short(error: BaseException) -> str:
    """Kinds and first lines of what was raised, less the groups around it."""
    if isinstance(error, BaseExceptionGroup):
        return "; ".join(map(_in_short, error.exceptions))
    return ": ".join([type(error).__name__, *str(error).splitlines()[:1]])[:_ERROR_CHARACTERS]


def _add(folder: Path, record: Record) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / RECORDS).open("a") as records:
        records.write(json.dumps(record) + "\n")
