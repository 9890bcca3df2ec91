"""Prometheus, for who asks for it and has it: the configuration of docker/prometheus, with this system's ports."""

import shutil
from pathlib import Path
from typing import Any

import yaml

from pipeline.core.settings import inherited
from stack.errors import StackError
from stack.home import ROOT, Home
from stack.part import Part
from stack.ports import HOST, Ports
from stack.probes import answers

SOURCE = ROOT / "docker" / "prometheus"
_RETENTION = "15d"


def part(home: Home, ports: Ports) -> Part:
    """The server. Raises StackError where it isn't installed."""
    folder = home.folder("prometheus")
    file, address = folder / "prometheus.yml", f"{HOST}:{ports.prometheus}"

    async def prepare() -> None:
        file.write_text(yaml.safe_dump(configuration(targets(ports)), sort_keys=False))

    return Part(
        name="prometheus",
        command=command(file, folder / "data", address),
        environment=inherited(),
        prepare=prepare,
        probe=answers(f"http://{address}/-/ready"),
    )


def command(config: Path, data: Path, address: str) -> tuple[str, ...]:
    """What runs it: its configuration, the folder of its data, and the host:port that it listens on.

    Raises StackError where it isn't installed.
    """
    program = shutil.which("prometheus")
    if program is None:
        raise StackError(
            "prometheus is missing: install it (Debian and Ubuntu: apt-get install prometheus),"
            " or run without OBSERVE=1"
        )
    return (
        program,
        f"--config.file={config}",
        f"--storage.tsdb.path={data}",
        f"--storage.tsdb.retention.time={_RETENTION}",
        f"--web.listen-address={address}",
        "--web.cors.origin=^$",  # by default every site may read
        "--enable-feature=exemplar-storage",
        "--log.level=warn",
    )


def targets(ports: Ports) -> dict[str, str]:
    """Where each job of docker/prometheus/prometheus.yml is found."""
    return {
        "gateway": f"{HOST}:{ports.gateway}",
        "web": f"{HOST}:{ports.web}",
        "service-b": f"{HOST}:{ports.service_b}",
        "service-c": f"{HOST}:{ports.service_c}",
    }


def configuration(addresses: dict[str, str]) -> dict[str, Any]:
    """docker/prometheus/prometheus.yml with the address of each job in the place of its containers' name."""
    config: dict[str, Any] = yaml.safe_load((SOURCE / "prometheus.yml").read_text())
    config["rule_files"] = [str(SOURCE / pattern) for pattern in config["rule_files"]]
    for job in config["scrape_configs"]:
        del job["dns_sd_configs"]
        job["static_configs"] = [{"targets": [addresses[job["job_name"]]]}]
    return config
