"""A real Jaeger, version 2: it takes traces, and shows them by its API.

The program is the `jaeger` in PATH, or one that is built once from its Go module and kept in `~/.cache`.
"""

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import yaml

from pipeline.core.settings import inherited
from stack import jaeger
from tests.support.server_start import wait_until_ready

MODULE = "github.com/jaegertracing/jaeger@v1.76.0"
"""Of the release 2.13.0: the newer ones are not served as a module. It is its program without the pages."""
_HOST = "127.0.0.1"
_KEPT = Path.home() / ".cache" / "mensageria" / MODULE.rpartition("/")[2] / "jaeger"
_BUILD_S = 3600


def program() -> Path | None:
    """The program that is there; None where there is none yet."""
    in_path = shutil.which("jaeger")
    if in_path:
        return Path(in_path)
    return _KEPT if _KEPT.exists() else None


def can_be_built() -> bool:
    """Whether the machine has what builds one."""
    return shutil.which("go") is not None


def provided() -> Path:
    """The program that is there, or one that is built now, in some 8 minutes of CPU time."""
    return program() or _built()


def _built() -> Path:
    environment = inherited()
    download = ("go", "mod", "download", "-json", MODULE)
    source = json.loads(subprocess.run(download, env=environment, capture_output=True, check=True).stdout)["Dir"]
    _KEPT.parent.mkdir(parents=True, exist_ok=True)
    unfinished = _KEPT.with_name("jaeger.new")
    # In its own folder: its go.mod has replacements, which count in a main module alone.
    build = ("go", "build", "-mod=readonly", "-trimpath", "-ldflags=-s -w", "-o", str(unfinished), "./cmd/jaeger")
    subprocess.run(build, cwd=source, env=environment, check=True, timeout=_BUILD_S)
    return unfinished.rename(_KEPT)


@dataclass(frozen=True)
class JaegerServer:
    """One that answers `client`, and takes OTLP over HTTP at `taking`."""

    client: httpx.Client
    taking: str

    def take(self, export: bytes) -> None:
        """An export, as a service sends it."""
        headers = {"content-type": "application/x-protobuf"}
        self.client.post(f"{self.taking}/v1/traces", content=export, headers=headers).raise_for_status()

    def hops(self, trace_id: str) -> list[tuple[str, str, str]]:
        """The spans of a trace, each by its service, kind and name; none where there is no such trace."""
        answer = self.client.get(f"/api/traces/{trace_id}")
        if answer.status_code == 404:
            return []
        [trace] = answer.raise_for_status().json()["data"]
        return sorted(_hop(span, trace["processes"]) for span in trace["spans"])


@contextmanager
def serving(folder: Path, free_port: Callable[[], int]) -> Iterator[JaegerServer]:
    """A server that keeps traces in memory, with its configuration and its log in `folder`."""
    taking, asking = f"{_HOST}:{free_port()}", f"{_HOST}:{free_port()}"
    file = folder / "jaeger.yml"
    file.write_text(yaml.safe_dump(jaeger.configuration(taking, asking)))
    with (
        (folder / "log").open("wb") as log,
        subprocess.Popen(
            (str(provided()), "--config", str(file)), env=inherited() | jaeger.ENVIRONMENT, stdout=log, stderr=log
        ) as process,
    ):
        try:
            with httpx.Client(base_url=f"http://{asking}", timeout=10, trust_env=False) as client:
                wait_until_ready(client, "/api/services", process, folder / "log")
                yield JaegerServer(client, f"http://{taking}")
        finally:
            process.terminate()


def _hop(span: dict[str, Any], processes: dict[str, Any]) -> tuple[str, str, str]:
    [kind] = (tag["value"] for tag in span["tags"] if tag["key"] == "span.kind")
    return processes[span["processID"]]["serviceName"], kind.upper(), span["operationName"]
