"""The commands of compose.yml, run one by one without Docker, are a system that works."""

import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from pipeline.core.settings.stack import StackSettings
from stack.http_client import http_client
from stack.ports import choose
from tests.support import compose
from tests.support.compose_processes import Containers
from tests.support.running_system import ROOT
from tests.support.this_machine import ThisMachine
from tests.support.waiting import until

PORTS = {
    ("kafka", "9092"): "kafka",
    ("kafka", "9093"): "kafka_controller",
    ("postgres", "5433"): "postgres",
    ("dynamodb", "4567"): "dynamodb",
    ("aws", "4566"): "aws",
    ("aws", "4568"): "prometheus",  # the query alone; Prometheus is not started here
    ("gateway", "8000"): "gateway",
    ("web", "8080"): "web",
    ("service-b", "6066"): "service_b",
    ("service-c", "6067"): "service_c",
}
STOPPED = (0, 143)
"""By itself, or by the signal: what Java ends with."""
SOURCE = "urn:test:compose"
pytestmark = [pytest.mark.timeout(300), pytest.mark.asyncio(loop_scope="module")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where `make up` made the secrets, as Compose shows them to containers."""
    folder = tmp_path_factory.mktemp("compose")
    subprocess.run([ROOT / "docker" / "make-secrets"], cwd=folder, check=True)
    return folder


@pytest.fixture(scope="module")
def variables(folder: Path) -> dict[str, str]:
    return compose.variables((folder / ".env").read_text())


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def containers(folder: Path, variables: dict[str, str]) -> AsyncIterator[Containers]:
    file = compose.load(variables)
    (folder / "secrets").mkdir()
    for name, secret in file["secrets"].items():
        (folder / "secrets" / name).write_text(variables[secret["environment"]])
    free = choose(StackSettings(ports="free", observe="1"))
    made = Containers(ThisMachine(file, {port: getattr(free, name) for port, name in PORTS.items()}, folder))
    try:
        await made.start_all()
        yield made
    finally:
        codes = await made.stop_all()
    assert {name: code for name, code in codes.items() if code not in STOPPED} == {}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with http_client(timeout=20) as client:
        yield client


async def record(containers: Containers, client: httpx.AsyncClient, id_: str) -> dict[str, Any]:
    """What the query knows of the event once both stores have it by every way; empty before."""
    query = f"http://{containers.machine.address('aws', 4568)}/_aws/execute-api/mensageria/$default/event"
    answer = await client.get(query, params={"source": SOURCE, "id": id_})
    return dict(answer.json()) if answer.is_success and answer.json()["complete"] else {}


async def test_an_event_reaches_both_stores(
    containers: Containers, variables: dict[str, str], client: httpx.AsyncClient
) -> None:
    gateway = f"http://{containers.machine.address('gateway', 8000)}/events"
    event = {"type": "test.compose", "source": SOURCE, "id": "1", "data": {"n": 1}}
    assert (await client.post(gateway, json=event)).status_code == 401
    key = {"authorization": f"Bearer {variables['MENSAGERIA_GATEWAY_KEY']}"}
    assert (await client.post(gateway, json=event, headers=key)).status_code == 202
    found = await until(lambda: record(containers, client, "1"), within_s=30)
    assert found["event"]["data"] == {"n": 1}
    assert found["receipt"]["postgres"]["via"] == "sqs"
    assert found["receipt"]["dynamodb"].keys() == {"sqs", "kafka"}


async def test_a_page_publishes_with_the_key_of_the_installation(
    containers: Containers, client: httpx.AsyncClient
) -> None:
    form = {
        "form_id": "f",
        "written_as": "json",
        "json": f'{{"specversion":"1.0","type":"t","source":"{SOURCE}","id":"2"}}',
    }
    page = f"http://{containers.machine.address('web', 8080)}/"
    assert (await client.post(page, data=form)).status_code == 303
    await until(lambda: record(containers, client, "2"), within_s=30)


@pytest.mark.parametrize("path", ["/2015-03-31/functions", "/", "/_ministack/ready", "/mensageria-code"])
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_nothing_of_the_emulator_but_the_query_is_published(
    containers: Containers, client: httpx.AsyncClient, method: str, path: str
) -> None:
    assert containers.services["aws"]["ports"] == ["127.0.0.1:4566:4568"]
    answer = await client.request(method, f"http://{containers.machine.address('aws', 4568)}{path}")
    assert answer.status_code == 404


async def test_the_query_that_is_published_is_read_only(containers: Containers, client: httpx.AsyncClient) -> None:
    query = f"http://{containers.machine.address('aws', 4568)}/_aws/execute-api/mensageria/$default/event"
    assert (await client.post(query, json={})).status_code == 405
    own = {"origin": "http://127.0.0.1:8080", "access-control-request-method": "GET"}
    assert (await client.options(query, headers=own)).status_code == 204


async def test_the_tools_reach_every_part(containers: Containers) -> None:
    assert await containers.run("tools") == 0, containers.log("tools").read_text()


async def test_a_second_run_of_the_jobs_changes_nothing(containers: Containers) -> None:
    assert [await containers.run(name) for name in ("migrate", "database-roles", "layout")] == [0, 0, 0]
