"""A real Prometheus that scrapes the system of the tests, by the project's own configuration and rules."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import yaml

from pipeline.core.settings.stack import StackSettings
from stack import prometheus
from stack.ports import choose
from tests.support.server_start import wait_until_ready

IS_INSTALLED = shutil.which("prometheus") is not None
_UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_DURATION = r"(\d+)([smhd])"


class QueryFailed(Exception):
    """Prometheus takes an expression for none, or can't evaluate it."""


@dataclass(frozen=True)
class PrometheusServer:
    """One that answers `client`."""

    client: httpx.Client

    def query(self, expression: str) -> list[dict[str, Any]]:
        """The samples of an expression now. Raises QueryFailed."""
        answer = self.client.post("/api/v1/query", data={"query": expression}).json()
        if answer["status"] != "success":
            raise QueryFailed(answer["error"])
        return list(answer["data"]["result"])

    def firing(self) -> set[tuple[str, ...]]:
        """The alerts that fire: the name, and what of `job`, `store` and `via` it has."""
        samples = self.query('ALERTS{alertstate="firing"}')
        return {
            tuple(each["metric"][label] for label in ("alertname", "job", "store", "via") if label in each["metric"])
            for each in samples
        }


def addresses(endpoints: dict[str, str]) -> dict[str, str]:
    """Where each job is found in a system with these endpoints."""
    names = {"gateway": "gateway", "web": "web", "service-b": "service_b", "service-c": "service_c"}
    return {job: urlsplit(endpoints[name]).netloc for job, name in names.items()}


def in_haste(folder: Path, config: dict[str, Any], times: int) -> dict[str, Any]:
    """The configuration with a scrape and an evaluation every 0.5 s, and every range and `for` divided by `times`."""
    hasty = config | {"global": {"scrape_interval": "500ms", "scrape_timeout": "500ms", "evaluation_interval": "500ms"}}
    rules = folder / "rules"
    rules.mkdir()
    for pattern in config["rule_files"]:
        for file in Path(pattern).parent.glob(Path(pattern).name):
            (rules / file.name).write_text(_shortened(file.read_text(), times))
    return hasty | {"rule_files": [str(rules / "*.yml")]}


@contextmanager
def serving(folder: Path, config: dict[str, Any]) -> Iterator[PrometheusServer]:
    """A server with its data in `folder`, on a free port of loopback."""
    file = folder / "prometheus.yml"
    file.write_text(yaml.safe_dump(config))
    address = f"127.0.0.1:{choose(StackSettings(ports='free', observe='1')).prometheus}"
    with (
        (folder / "log").open("wb") as log,
        subprocess.Popen(prometheus.command(file, folder / "data", address), stdout=log, stderr=log) as process,
    ):
        try:
            with httpx.Client(base_url=f"http://{address}", timeout=10, trust_env=False) as client:
                wait_until_ready(client, "/-/ready", process, folder / "log")
                yield PrometheusServer(client)
        finally:
            process.terminate()


def _shortened(text: str, times: int) -> str:
    def shorter(found: "re.Match[str]") -> str:
        return f"{found[1]}{int(found[2]) * _UNITS_S[found[3]] * 1000 // times}ms"

    return re.sub(
        rf"(for: ){_DURATION}$", shorter, re.sub(rf"(\[){_DURATION}(?=\])", shorter, text), flags=re.MULTILINE
    )
