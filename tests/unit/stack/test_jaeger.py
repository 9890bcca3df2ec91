"""Jaeger as a part of the system on this machine, where it is installed."""

from pathlib import Path

import pytest

from pipeline.core.settings.stack import StackSettings
from stack import jaeger, services
from stack.home import Home
from stack.ports import Ports, choose
from tests.unit.test_compose import OUTPUTS

TRACES, PAGE = "OTEL_EXPORTER_OTLP_ENDPOINT", "MENSAGERIA_TRACE_URL"


@pytest.fixture
def ports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ports:
    """Those of a system that is watched, on a machine that has Jaeger."""
    program = tmp_path / "jaeger"
    program.touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    for name in (TRACES, PAGE):
        monkeypatch.delenv(name, raising=False)
    return choose(StackSettings(ports="free", observe="1"))


def test_it_is_started_only_where_asked_for_and_installed(
    ports: Ports, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ports.jaeger
    assert ports.jaeger_otlp
    assert choose(StackSettings(ports="free")).jaeger is None
    monkeypatch.setenv("PATH", str(tmp_path / "elsewhere"))
    assert choose(StackSettings(ports="free", observe="1")).jaeger is None


def test_the_services_send_their_traces_to_it_and_the_pages_lead_to_it(ports: Ports, tmp_path: Path) -> None:
    home = Home(tmp_path)
    for service in (services.gateway, services.service_b, services.service_c):
        assert service(home, ports, OUTPUTS).environment[TRACES] == f"http://127.0.0.1:{ports.jaeger_otlp}"
    page = services.web(home, ports, OUTPUTS).environment[PAGE]
    assert page == f"http://127.0.0.1:{ports.jaeger}/trace/{{trace_id}}"


def test_who_sends_traces_elsewhere_goes_on_to(ports: Ports, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TRACES, "http://127.0.0.1:9")
    monkeypatch.setenv(PAGE, "http://127.0.0.1:9/{trace_id}")
    home = Home(tmp_path)
    assert services.gateway(home, ports, OUTPUTS).environment[TRACES] == "http://127.0.0.1:9"
    assert services.web(home, ports, OUTPUTS).environment[PAGE] == "http://127.0.0.1:9/{trace_id}"


def test_it_listens_on_loopback_alone(ports: Ports) -> None:
    configuration = str(jaeger.configuration("127.0.0.1:1", "127.0.0.1:2"))
    assert configuration.count("endpoint") == configuration.count("127.0.0.1:") == 3
    assert ports.jaeger != ports.jaeger_otlp
