"""The programs of tests/sdks, each with the official CloudEvents SDK of its language, built where its toolchain is."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

_SOURCES = Path(__file__).parents[1] / "sdks"
TOOLCHAINS = {"javascript": ("node", "npm"), "go": ("go",), "java": ("java", "mvn")}
"""What each language needs in PATH."""
_BUILD_S, _RUN_S = 300, 60


def missing(language: str) -> list[str]:
    """The programs of the language's toolchain that are not in PATH."""
    return [program for program in TOOLCHAINS[language] if not shutil.which(program)]


class Program:
    """One that publishes its events in every mode, and compares them with what is stored."""

    def __init__(self, command: list[str], folder: Path) -> None:
        self._command = command
        self._folder = folder

    def publish(self, gateway: str, source: str) -> None:
        """Publish the events; raises AssertionError where one is not accepted."""
        self._run("publish", gateway, source)

    def check(self, source: str, stored: bytes) -> None:
        """Compare with `stored`, a JSON array; raises AssertionError where an event differs or is missing."""
        self._run("check", source, stdin=stored)

    def _run(self, *arguments: str, stdin: bytes = b"") -> None:
        _ended([*self._command, *arguments], self._folder, _RUN_S, stdin)


def build(language: str, folder: Path) -> Program:
    """Build the program in `folder`; the language's registry must be reached, or its cache hold what is locked."""
    at = folder / language
    shutil.copytree(_SOURCES / language, at)
    return _BUILDERS[language](at)


def _javascript(folder: Path) -> Program:
    _ended(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], folder, _BUILD_S)
    return Program(["node", "sdk.mjs"], folder)


def _go(folder: Path) -> Program:
    _ended(["go", "build", "-mod=readonly", "-o", "sdk", "."], folder, _BUILD_S)
    return Program(["./sdk"], folder)


def _java(folder: Path) -> Program:
    _ended(["mvn", "-q", "-B", "dependency:copy-dependencies", "-DoutputDirectory=lib"], folder, _BUILD_S)
    return Program(["java", "-Dfile.encoding=UTF-8", "-cp", "lib/*", "Sdk.java"], folder)


_BUILDERS: dict[str, Callable[[Path], Program]] = {"javascript": _javascript, "go": _go, "java": _java}


def _ended(command: list[str], folder: Path, within_s: float, stdin: bytes = b"") -> None:
    ended = subprocess.run(command, cwd=folder, input=stdin, capture_output=True, timeout=within_s)
    assert ended.returncode == 0, f"{command}: {ended.stdout.decode()}{ended.stderr.decode()}"
