"""Prometheus as a part of the system on this machine."""

from pathlib import Path

import pytest

from pipeline.core.settings.stack import StackSettings
from stack import prometheus
from stack.errors import StackError
from stack.home import Home
from stack.ports import choose


def test_it_scrapes_every_job_of_the_containers_at_the_ports_of_this_system() -> None:
    ports = choose(StackSettings(ports="free"))
    config = prometheus.configuration(prometheus.targets(ports))
    found = {job["job_name"]: job["static_configs"][0]["targets"] for job in config["scrape_configs"]}
    assert found == {
        "gateway": [f"127.0.0.1:{ports.gateway}"],
        "web": [f"127.0.0.1:{ports.web}"],
        "service-b": [f"127.0.0.1:{ports.service_b}"],
        "service-c": [f"127.0.0.1:{ports.service_c}"],
    }
    assert all(list(Path(pattern).parent.glob(Path(pattern).name)) for pattern in config["rule_files"])


def test_where_it_is_missing_one_message_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(StackError, match=r"prometheus is missing: install it .* or run without OBSERVE=1"):
        prometheus.part(Home(tmp_path), choose(StackSettings(ports="free", observe="1")))
