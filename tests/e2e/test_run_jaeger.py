"""`make run OBSERVE=1` where Jaeger is installed: an event's page links to its trace there."""

import os
import re
from pathlib import Path

import httpx
import pytest

from stack.http_client import http_client
from tests.support import jaeger_server
from tests.support.running_system import running
from tests.support.waiting import until

pytestmark = [pytest.mark.jaeger, pytest.mark.prometheus, pytest.mark.timeout(3600)]
IDENTITY = {"source": "urn:test:run-jaeger", "id": "1"}


async def test_the_page_of_an_event_links_to_its_trace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = jaeger_server.provided()
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")  # noqa: TID251 - as a shell has it
    with running(tmp_path / "home", traces_to=None, OBSERVE="1") as system:
        async with http_client(timeout=20) as client:
            await until(lambda: published(client, system.endpoints["gateway"]), within_s=30)
            page = await until(lambda: linked(client, system.endpoints["web"]), within_s=60)
            assert page.startswith(f"{system.endpoints['jaeger']}/trace/")
            found = await until(lambda: services(client, page.replace("/trace/", "/api/traces/")), within_s=60)
    assert found == {"gateway", "service-b", "service-c"}


async def published(client: httpx.AsyncClient, gateway: str) -> bool:
    return (
        await client.post(f"{gateway}/events", json={"type": "test.run.jaeger", "data": {}} | IDENTITY)
    ).status_code == 202


async def linked(client: httpx.AsyncClient, web: str) -> str:
    """Where the event's page leads for its trace; empty while it has no link."""
    page = await client.get(f"{web}/event", params=IDENTITY)
    found = re.search(r'href="(http://127\.0\.0\.1:\d+/trace/[0-9a-f]{32})"', page.text)
    return found[1] if found else ""


async def services(client: httpx.AsyncClient, trace: str) -> set[str]:
    """The services whose spans are in the trace; empty before each of the three has one."""
    answer = await client.get(trace)
    if not answer.is_success:
        return set()
    names = {process["serviceName"] for process in answer.json()["data"][0]["processes"].values()}
    return names if len(names) == 3 else set()
