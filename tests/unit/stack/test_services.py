"""What each service is told: what it reads, and no more."""

from pathlib import Path

import pytest

from pipeline.core.settings import read
from pipeline.core.settings.gateway import GatewaySettings
from pipeline.core.settings.stack import StackSettings
from pipeline.core.settings.web import WebSettings
from pipeline.core.settings.workers import ServiceBSettings, ServiceCSettings
from stack import services
from stack.home import Home
from stack.part import Part
from stack.ports import Ports, choose

OUTPUTS = {
    "TopicArn": "arn:aws:sns:us-east-1:000000000000:events",
    "QueueBUrl": "http://127.0.0.1/b",
    "QueueCUrl": "http://127.0.0.1/c",
    "PendingQueueUrl": "http://127.0.0.1/pending",
    "DeadLetterBUrl": "http://127.0.0.1/b-dead",
    "DeadLetterCUrl": "http://127.0.0.1/c-dead",
    "TableName": "events",
}


@pytest.fixture
def ports() -> Ports:
    return choose(StackSettings(ports="free"))


@pytest.fixture
def parts(tmp_path: Path, ports: Ports) -> dict[str, Part]:
    home = Home(tmp_path)
    made = (
        services.gateway(home, ports, OUTPUTS),
        services.web(home, ports, OUTPUTS),
        services.service_b(home, ports, OUTPUTS),
        services.service_c(home, ports, OUTPUTS),
    )
    return {part.name: part for part in made}


def test_each_can_read_its_settings(parts: dict[str, Part], ports: Ports) -> None:
    assert read(GatewaySettings, parts["gateway"].environment).port == ports.gateway
    assert read(WebSettings, parts["web"].environment).gateway_url == f"http://127.0.0.1:{ports.gateway}"
    assert read(ServiceBSettings, parts["service-b"].environment).queue_b_url == OUTPUTS["QueueBUrl"]
    assert read(ServiceCSettings, parts["service-c"].environment).table == "events"


def test_only_service_b_knows_the_database(parts: dict[str, Part]) -> None:
    knowing = [name for name, part in parts.items() if "postgresql://" in str(dict(part.environment))]
    assert knowing == ["service-b"]


def test_web_is_told_where_it_can_see_what_waits(parts: dict[str, Part], ports: Ports) -> None:
    told = read(WebSettings, parts["web"].environment)
    assert told.queues
    assert (told.queues.queue_b_url, told.queues.dead_letter_c_url) == (OUTPUTS["QueueBUrl"], OUTPUTS["DeadLetterCUrl"])
    assert told.health.service_c_url == f"http://127.0.0.1:{ports.service_c}"
    assert told.login is None


def test_a_setting_of_the_person_reaches_the_service_that_reads_it(
    tmp_path: Path, ports: Ports, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MENSAGERIA_WORKER_BATCH_EVENTS", "7")
    monkeypatch.setenv("SECRET_OF_THE_SHELL", "x")
    environment = services.service_b(Home(tmp_path), ports, OUTPUTS).environment
    assert read(ServiceBSettings, environment).worker.batch_events == 7
    assert "SECRET_OF_THE_SHELL" not in environment
    assert "MENSAGERIA_WORKER_BATCH_EVENTS" not in services.web(Home(tmp_path), ports, OUTPUTS).environment
