"""Prometheus as `make run OBSERVE=1` starts it."""

import re
from pathlib import Path

import pytest

from pipeline.core.settings.stack import StackSettings
from stack import prometheus
from stack.home import Home
from stack.http_client import http_client
from stack.ports import choose
from stack.supervisor import Supervisor

pytestmark = pytest.mark.prometheus


async def test_it_starts_with_the_rules_keeps_exemplars_and_stops(tmp_path: Path) -> None:
    home, ports = Home(tmp_path), choose(StackSettings(ports="free", observe="1"))
    said: list[str] = []
    async with Supervisor(home, said.append) as supervisor:
        await supervisor.start(prometheus.part(home, ports))
        url = f"http://127.0.0.1:{ports.prometheus}/api/v1/"
        async with http_client(base_url=url) as client:
            rules = (await client.get("rules")).json()["data"]["groups"]
            config = (await client.get("status/config")).json()["data"]["yaml"]
            flags = (await client.get("status/flags")).json()["data"]
            foreign = await client.get("status/flags", headers={"origin": "https://evil.example"})
    assert "access-control-allow-origin" not in foreign.headers
    assert re.findall("job_name: (.+)", config) == ["gateway", "web", "service-b", "service-c"]
    assert {group["name"] for group in rules} == {"objective", "symptoms"}
    assert flags["enable-feature"] == "exemplar-storage"
    assert flags["web.listen-address"] == f"127.0.0.1:{ports.prometheus}"
    assert said[-1].startswith("prometheus: stopped in")
