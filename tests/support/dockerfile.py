"""docker/Dockerfile, read: its stages, and the file system that each one copies together."""

import json
import re
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support.running_system import ROOT

FILE = ROOT / "docker" / "Dockerfile"
_LINE = re.compile(r"([A-Z]+)\s+(.*)", re.DOTALL)


@dataclass(frozen=True)
class Stage:
    """One stage: what it stands on, and its own instructions."""

    name: str
    base: str
    instructions: list[tuple[str, str]] = field(default_factory=list)

    def values(self, instruction: str) -> list[str]:
        return [value for name, value in self.instructions if name == instruction]


def stages() -> dict[str, Stage]:
    """The stages by name, in their order."""
    found: dict[str, Stage] = {}
    for name, value in _instructions():
        if name == "FROM":
            base, _, alias = value.split()
            found[alias] = stage = Stage(alias, base)
        elif found:
            stage.instructions.append((name, value))
    return found


def lineage(target: str) -> list[Stage]:
    """The stage `target` and those it stands on, the lowest first."""
    known = stages()
    line = [known[target]]
    while line[0].base in known:
        line.insert(0, known[line[0].base])
    return line


def exec_form(target: str, instruction: str) -> tuple[str, ...]:
    """The last CMD, or the HEALTHCHECK's, of `target`; it is in the exec form, or this raises."""
    value = [value for stage in lineage(target) for value in stage.values(instruction)][-1]
    return tuple(json.loads(value[value.index("[") :]))


def environment(target: str) -> dict[str, str]:
    """What ENV gives the programs of `target`."""
    values = [value for stage in lineage(target) for value in stage.values("ENV")]
    return dict(pair.split("=", 1) for value in values for pair in value.split())


def copies(stage: Stage) -> list[tuple[str | None, list[str], str]]:
    """Each COPY of `stage`: the stage it is from (None: the project), its sources, its destination."""
    found = []
    for value in stage.values("COPY"):
        words = value.split()
        origin = words.pop(0).partition("=")[2] if words[0].startswith("--from=") else None
        found.append((origin, words[:-1], words[-1]))
    return found


def working_folder(target: str, made: dict[str, Path], root: Path) -> Path:
    """The working folder of `target`, with what it copies laid out below `root` as in the image.

    `made` says where the things are that its RUN instructions would make, by their paths there.
    """
    if not root.exists():
        _assemble(target, made, root)
    return root / [folder for stage in lineage(target) for folder in stage.values("WORKDIR")][-1].lstrip("/")


def _assemble(target: str, made: dict[str, Path], root: Path) -> None:
    folder = "/"
    for stage in lineage(target):
        for name, value in stage.instructions:
            if name == "WORKDIR":
                folder = value
        for origin, sources, destination in copies(stage):
            place = root / str(Path(folder) / destination).lstrip("/")
            for source in sources:
                _copy(source, origin, place, destination.endswith("/"), made)


def _copy(source: str, origin: str | None, place: Path, is_folder: bool, made: dict[str, Path]) -> None:
    if origin and source not in made:
        for _, sources, destination in copies(stages()[origin]):  # that stage holds nothing but copies
            for each in sources:
                _copy(each, None, place / destination, destination.endswith("/"), made)
        return
    found = made[source] if origin else ROOT / source
    place.parent.mkdir(parents=True, exist_ok=True)
    if origin and found.is_dir():
        place.symlink_to(found)
    elif found.is_dir():
        shutil.copytree(found, place, symlinks=True, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        target = place / found.name if is_folder else place
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(found, target)


def _instructions() -> list[tuple[str, str]]:
    text = re.sub(r"^\s*#.*\n", "", FILE.read_text(), flags=re.MULTILINE)
    text = re.sub(r"\\\n\s*", "", text)
    return [_parsed(line) for line in text.splitlines() if line.strip()]


def _parsed(line: str) -> tuple[str, str]:
    match: Any = _LINE.fullmatch(line)
    return match[1], match[2]
