"""A real Prometheus watches the system: every panel shows something, and what goes wrong is an alert."""

import asyncio
import itertools
import json
import math
import os
import re
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from stack.http_client import http_client
from stack.prometheus import configuration
from tests.support.prometheus_server import PrometheusServer, QueryFailed, addresses, in_haste, serving
from tests.support.running_system import System
from tests.support.waiting import until

pytestmark = pytest.mark.prometheus

BOARDS = sorted(Path("docker/grafana/dashboards").glob("*.json"))
TIMES = 40
"""The short form lets 5 minutes pass in 7.5 s."""
ENDED_BY_C = {
    ("TargetDown", "service-c"),
    *((alert, "dynamodb", via) for alert in ("EventsLate", "ConsumerStands") for via in ("sqs", "kafka")),
}


@pytest.fixture(scope="module")
def prometheus(system: System, scale: float, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrometheusServer]:
    folder = tmp_path_factory.mktemp("prometheus")
    config = configuration(addresses(system.endpoints))
    with serving(folder, config if scale == 1 else in_haste(folder, config, TIMES)) as server:
        yield server


@pytest.fixture
async def load(system: System, source: str) -> AsyncIterator[None]:
    """Somebody publishes, one event after another."""

    async def publish() -> None:
        async with http_client(base_url=system.endpoints["gateway"], timeout=30) as client:
            for number in itertools.count():
                body = {"type": "test.load", "source": source, "id": str(number), "data": number}
                await client.post("/events", json=body)

    publishing = asyncio.create_task(publish())
    yield
    publishing.cancel()
    with suppress(asyncio.CancelledError):
        await publishing


class Panel(NamedTuple):
    """One panel of a dashboard, as Grafana reads it."""

    board: str
    content: dict[str, Any]

    @property
    def expressions(self) -> list[str]:
        return [target["expr"] for target in self.content["targets"]]

    def faults(self, server: PrometheusServer) -> Iterator[str]:
        """What a person would miss on it."""
        defaults = self.content["fieldConfig"]["defaults"]
        for name, found in (
            ("title", self.content["title"]),
            ("description", self.content["description"]),
            ("unit", defaults.get("unit")),
            ("data source variable", self.content["datasource"]["uid"] == "${datasource}"),
            ("free range", not self.content.get("timeFrom")),
        ):
            if not found:
                yield f"{self.board}, {self.content['title']}: no {name}"
        for target in self.content["targets"]:
            yield from (f"{self.board}, {self.content['title']}: {fault}" for fault in _faults_of(target, server))


def _faults_of(target: dict[str, Any], server: PrometheusServer) -> Iterator[str]:
    expression = target["expr"]
    if re.search(r"\[\d", expression):
        yield f"a fixed range in {expression}"
    try:
        found = server.query(expression.replace("$__rate_interval", "1m").replace("$__range", "1m"))
    except QueryFailed as error:
        yield f"{error}: {expression}"
        return
    if not found:
        yield f"no data: {expression}"
    elif all(math.isnan(float(sample["value"][1])) for sample in found):
        yield f"only NaN: {expression}"
    for label in re.findall(r"{{(\w+)}}", target["legendFormat"]):
        if any(label not in sample["metric"] for sample in found):
            yield f"no label {label}: {expression}"


@pytest.fixture(scope="module")
def panels() -> list[Panel]:
    boards = [json.loads(file.read_text()) for file in BOARDS]
    return [Panel(board["title"], panel) for board in boards for panel in board["panels"] if panel["type"] != "row"]


async def test_every_panel_of_every_dashboard_shows_something_under_load(
    prometheus: PrometheusServer, panels: list[Panel], load: None
) -> None:
    faults: list[str] = []

    async def all_show() -> bool:
        nonlocal faults
        faults = [fault for panel in panels for fault in await asyncio.to_thread(list, panel.faults(prometheus))]
        return not faults

    with suppress(TimeoutError):
        await until(all_show, within_s=30)
    assert not faults
    assert len(panels) >= 30


def test_every_metric_is_on_a_dashboard(system: System, panels: list[Panel]) -> None:
    shown = {name for panel in panels for expression in panel.expressions for name in re.findall(r"\w+", expression)}
    for address in addresses(system.endpoints).values():
        told = httpx.get(f"http://{address}/metrics", trust_env=False).text
        for family in text_string_to_metric_families(told):
            names = {family.name, *(f"{family.name}_{part}" for part in ("total", "bucket", "count", "sum"))}
            assert names & shown, f"no panel shows {family.name} of {address}"


@pytest.mark.timeout(3700)
async def test_a_consumer_that_stops_raises_its_alerts_and_ends_them_when_it_goes_on(
    system: System, prometheus: PrometheusServer, scale: float, load: None
) -> None:
    within_s = 90 if scale < 1 else 1200

    async def firing() -> set[tuple[str, ...]]:
        return await asyncio.to_thread(prometheus.firing)

    async def flows() -> bool:
        ways = await asyncio.to_thread(prometheus.query, "events_late:ratio5m < 0.0144")
        return len(ways) == 3 and not await firing() & ENDED_BY_C

    async def are_raised() -> bool:
        return await firing() >= ENDED_BY_C

    async def are_ended() -> bool:
        return not await firing() & ENDED_BY_C

    await until(flows, within_s=within_s)
    os.kill(system.pid("service-c"), signal.SIGSTOP)
    try:
        await until(are_raised, within_s=within_s)
        others = {alert for alert in await firing() if alert[0] in ("TargetDown", "ConsumerStands")} - ENDED_BY_C
        assert not others, "only C was stopped"
    finally:
        os.kill(system.pid("service-c"), signal.SIGCONT)
    await until(are_ended, within_s=within_s)
