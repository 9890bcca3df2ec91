"""The machine and the versions that a record was made with."""

import json
import os
import platform
import subprocess
import time
import tomllib
from importlib.metadata import distributions, version
from pathlib import Path

import msgspec

from stack import postgres
from stack.home import ROOT

_PACKAGES = (
    *("aioboto3", "aiobotocore", "aiokafka", "faust-streaming", "httptools", "hypercorn", "msgspec"),
    *("quart", "uvicorn", "uvloop"),
)
_REFERENCES = {
    ".venv-bench-faststream": ("asyncpg", "fastapi", "faststream"),
    ".venv-bench-powertools": ("aws-lambda-powertools",),
}


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """Where a record was made. `commit` ends in `-dirty` where the checkout held more than the commit."""

    cpu: str
    cores: int
    memory_gib: float
    system: str
    python: str
    commit: str
    packages: dict[str, str]
    servers: dict[str, str]
    loop_ms: float | None = None
    """How long a fixed loop of Python takes, a million additions: rates move with the machine."""


def this() -> Machine:
    """The machine that this runs on, as it is now."""
    return Machine(
        cpu=_cpu_model(),
        cores=len(os.sched_getaffinity(0)),
        memory_gib=round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1024**3, 1),
        system=f"{platform.system()} {platform.release()} {platform.machine()}",
        python=platform.python_version(),
        commit=_commit(),
        packages=_package_versions(),
        servers=_server_versions(),
        loop_ms=min(_loop_ms() for _ in range(3)),
    )


def _loop_ms() -> float:
    begun, total = time.perf_counter(), 0
    for number in range(1_000_000):
        total += number
    return round(1000 * (time.perf_counter() - begun), 1)


def _cpu_model() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def _commit() -> str:
    command = ["git", "describe", "--always", "--dirty", "--exclude=*"]
    described = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return described.stdout.strip() or "not a git checkout"


def _package_versions() -> dict[str, str]:
    versions = {name: version(name) for name in _PACKAGES}
    for environment, names in _REFERENCES.items():
        folders = [str(folder) for folder in (ROOT / environment).glob("lib/python3*/site-packages")]
        installed = {each.name.lower().replace("_", "-"): each.version for each in distributions(path=folders)}
        versions |= {name: installed[name] for name in names if name in installed}
    return versions


def _server_versions() -> dict[str, str]:
    told = subprocess.run([postgres.binary("postgres"), "--version"], capture_output=True, text=True, check=True)
    return {
        "Apache Kafka": _kafka_version(),
        "PostgreSQL": told.stdout.split()[2],
        "dynalite": _dynalite_version(),
    }


def _kafka_version() -> str:
    locked = tomllib.loads((ROOT / "requirements" / "kafka.jars.toml").read_text())["dependencies"]
    return str(next(jar["version"] for jar in locked if jar["artifactId"].startswith("kafka_")))


def _dynalite_version() -> str:
    wanted = json.loads((ROOT / "requirements" / "dynamodb" / "package.json").read_text())["dependencies"]
    return str(wanted["dynalite"])
