"""A real Jaeger, version 2, where the program `jaeger` is installed: it takes traces, and shows them by its API."""

import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import yaml

from tests.support.server_start import wait_until_ready

PROGRAM = shutil.which("jaeger")
_HOST = "127.0.0.1"


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
    file.write_text(yaml.safe_dump(_configuration(taking, asking, f"{_HOST}:{free_port()}")))
    with (
        (folder / "log").open("wb") as log,
        subprocess.Popen((str(PROGRAM), "--config", str(file)), stdout=log, stderr=log) as process,
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


def _configuration(taking: str, asking: str, asking_by_grpc: str) -> dict[str, Any]:
    return {
        "service": {
            "extensions": ["jaeger_storage", "jaeger_query"],
            "pipelines": {"traces": {"receivers": ["otlp"], "exporters": ["jaeger_storage_exporter"]}},
            "telemetry": {"metrics": {"level": "none"}},
        },
        "extensions": {
            "jaeger_storage": {"backends": {"memory": {"memory": {"max_traces": 10_000}}}},
            "jaeger_query": {
                "storage": {"traces": "memory"},
                "http": {"endpoint": asking},
                "grpc": {"endpoint": asking_by_grpc},
            },
        },
        "receivers": {"otlp": {"protocols": {"http": {"endpoint": taking}}}},
        "exporters": {"jaeger_storage_exporter": {"trace_storage": "memory"}},
    }
