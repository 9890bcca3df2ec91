"""Jaeger, for who asks for what watches the system and has it: traces in memory, the newest alone."""

import shutil
from typing import Any

import yaml

from pipeline.core.settings import inherited
from stack.home import Home
from stack.part import Part
from stack.ports import HOST, JAEGER, Ports
from stack.probes import answers

ENVIRONMENT = {"OTEL_TRACES_SAMPLER": "always_off"}
"""It traces itself too, and would send that to a port of its own defaults."""
_TRACES = 10_000


def part(home: Home, ports: Ports) -> Part:
    """The server."""
    file = home.folder("jaeger") / "jaeger.yml"

    async def prepare() -> None:
        taking, asking = f"{HOST}:{ports.jaeger_otlp}", f"{HOST}:{ports.jaeger}"
        file.write_text(yaml.safe_dump(configuration(taking, asking), sort_keys=False))

    return Part(
        name="jaeger",
        command=(str(shutil.which(JAEGER)), "--config", str(file)),
        environment=inherited() | ENVIRONMENT,
        prepare=prepare,
        probe=answers(f"http://{HOST}:{ports.jaeger}/api/services"),
    )


def variables(ports: Ports) -> dict[str, str]:
    """The settings of the services that lead to it; none where it isn't started."""
    if not ports.jaeger:
        return {}
    return {
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{HOST}:{ports.jaeger_otlp}",
        "MENSAGERIA_TRACE_URL": f"http://{HOST}:{ports.jaeger}/trace/{{trace_id}}",
    }


def configuration(taking: str, asking: str) -> dict[str, Any]:
    """Its configuration: it takes OTLP over HTTP at the host:port `taking`, and answers at `asking`."""
    return {
        "service": {
            "extensions": ["jaeger_storage", "jaeger_query"],
            "pipelines": {"traces": {"receivers": ["otlp"], "exporters": ["jaeger_storage_exporter"]}},
            "telemetry": {"metrics": {"level": "none"}, "logs": {"level": "warn"}},
        },
        "extensions": {
            "jaeger_storage": {"backends": {"memory": {"memory": {"max_traces": _TRACES}}}},
            "jaeger_query": {
                "storage": {"traces": "memory"},
                "http": {"endpoint": asking},
                "grpc": {"endpoint": f"{HOST}:0"},  # nobody asks there
            },
        },
        "receivers": {"otlp": {"protocols": {"http": {"endpoint": taking}}}},
        "exporters": {"jaeger_storage_exporter": {"trace_storage": "memory"}},
    }
