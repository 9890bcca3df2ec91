"""Installs the Java server's jars as they are locked, and locks them anew.

Runs in the servers' own environment (jgo is there), so nothing of the project is imported here:
`.venv-stack/bin/python -m stack.jars install|lock LOCK_FILE FOLDER`.
"""

import argparse
import hashlib
import shutil
import sys
import tempfile
import tomllib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import tomli_w
from jgo.env import EnvironmentBuilder, LinkStrategy
from jgo.maven import MavenContext

_COORDINATES = {"kafka": "org.apache.kafka:kafka_2.13:4.1.1+org.slf4j:slf4j-simple:1.7.36"}
_MEMBERS = ("groupId", "artifactId", "version", "classifier", "packaging", "sha256")
_FOREIGN = ("dll", "linux-i386")
_AT_ONCE = 16


class WrongHash(Exception):
    """What was downloaded is not what is locked."""


def install(lock: Path, folder: Path) -> None:
    """Install what `lock` lists into `folder`, whole or not at all. Raises WrongHash."""
    wanted = tomllib.loads(lock.read_text())["dependencies"]
    cache = folder.parent / "m2"
    new = folder.with_name(folder.name + ".new")
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(parents=True)
    context = MavenContext(repo_cache=cache, timeout=60)
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        for count, file in enumerate(threads.map(lambda item: _fetch(context, item), wanted), 1):
            (new / file.name).hardlink_to(file)
            _show(f"{folder.name}: {count} of {len(wanted)} jars", whole=count == len(wanted))
    shutil.rmtree(folder, ignore_errors=True)
    new.rename(folder)


def make_lock(name: str, lock: Path) -> None:
    """Resolve the server `name` and write what it needs, with hashes, to `lock`."""
    with tempfile.TemporaryDirectory() as folder:
        context = MavenContext(repo_cache=Path(folder) / "m2")
        builder = EnvironmentBuilder(context=context, cache_dir=Path(folder) / "envs", link_strategy=LinkStrategy.HARD)
        environment = builder.from_endpoint(_COORDINATES[name])
        resolved = tomllib.loads((environment.path / "jgo.lock.toml").read_text())["dependencies"]
    kept = [{key: item[key] for key in _MEMBERS if key in item} for item in resolved if not _is_foreign(item)]
    kept.sort(key=lambda item: (item["groupId"], item["artifactId"]))
    lock.write_text("# Made by `make lock`.\n" + tomli_w.dumps({"dependencies": kept}))


def _show(progress: str, *, whole: bool) -> None:
    """One line that counts up on a terminal, and is printed once elsewhere."""
    if sys.stderr.isatty():
        print(f"\r{progress}", end="\n" if whole else "", file=sys.stderr, flush=True)
    elif whole:
        print(progress, file=sys.stderr)


def _is_foreign(item: dict[str, Any]) -> bool:
    return any(text in (item["packaging"], item["artifactId"].partition("-")[2]) for text in _FOREIGN)


def _fetch(context: MavenContext, item: dict[str, Any]) -> Path:
    component = context.project(item["groupId"], item["artifactId"]).at_version(item["version"])
    artifact = component.artifact(item.get("classifier", ""), item["packaging"])
    file = Path(artifact.resolve())
    if _sha256(file) != item["sha256"]:  # perhaps an earlier download was cut: once more
        file.unlink()
        file = Path(artifact.resolve())
    if (found := _sha256(file)) != item["sha256"]:
        file.unlink()
        raise WrongHash(
            f"{file.name}: locked is sha256 {item['sha256']}, downloaded was {found}: nothing was installed"
        )
    return file


def _sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def main() -> int:
    """Carry out the command; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m stack.jars", description=__doc__)
    parser.add_argument("command", choices=("install", "lock"))
    parser.add_argument("lock_file", type=Path)
    parser.add_argument("folder", type=Path)
    arguments = parser.parse_args()
    try:
        if arguments.command == "lock":
            make_lock(arguments.folder.name, arguments.lock_file)
        else:
            install(arguments.lock_file, arguments.folder)
    except (WrongHash, RuntimeError, OSError) as error:
        print(f"\nmensageria: the jars could not be installed: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
