"""Servers that take the request and never answer: each page comes in time all the same, and says what is missing."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
from quart.typing import TestClientProtocol as Client

from pipeline.core.clock import now, rfc3339
from pipeline.core.settings.kafka import KafkaSettings
from pipeline.core.settings.tools import HealthSettings, QueueSettings
from pipeline.core.settings.web import WebSettings
from tests.support.edge import Edge
from web.app import create_app
from web.operating import backlogs

WITHIN_S = 0.6
"""Short for the tests; more than the share of a page's deadline that the time of the store gets."""
SLACK_S = 1.0
"""For a busy machine, and for the services that a late event's page asks."""


BACKLOG_S = 2.5
"""Short too, and with the 2 s of a service after it more than the slack."""


@pytest.fixture
async def silent() -> AsyncIterator[int]:
    """The port of a server that accepts connections and never answers."""
    hang = asyncio.Event()

    async def take(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await hang.wait()
        writer.close()

    server = await asyncio.start_server(take, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    hang.set()
    server.close()


@pytest.fixture
async def pages(edge: Edge, silent: int) -> AsyncIterator[Client]:
    """The pages of a query that hangs, and of a gateway that answers."""
    url = f"http://127.0.0.1:{silent}"
    app = create_app(WebSettings(gateway_url=edge.url, query_url=url, query_timeout_s=WITHIN_S))
    async with app.test_app() as running:
        yield running.test_client()


@pytest.mark.parametrize("address", ["/events", "/events?store=dynamodb", "/event?source=/s&id=1", "/?source=/s&id=1"])
async def test_the_page_says_in_time_that_the_query_does_not_answer(pages: Client, address: str) -> None:
    began = time.monotonic()
    answer = await pages.get(address)
    assert time.monotonic() - began < WITHIN_S + SLACK_S
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
    assert "The query does not answer" in await answer.get_data(as_text=True)


async def test_an_accepted_event_is_shown_in_time(pages: Client) -> None:
    began = time.monotonic()
    answer = await pages.get(f"/event?source=/s&id=1&received_at={rfc3339(now())}")
    assert time.monotonic() - began < WITHIN_S + SLACK_S
    assert answer.status_code == 200
    assert "It keeps asking" in await answer.get_data(as_text=True)


async def test_the_page_of_the_pipeline_comes_in_time_where_all_hangs(
    silent: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"http://127.0.0.1:{silent}"
    for name, value in {"ENDPOINT_URL": url, "REGION": "x", "ACCESS_KEY_ID": "x", "SECRET_ACCESS_KEY": "x"}.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    monkeypatch.setattr(backlogs, "_TIMEOUT_S", BACKLOG_S)
    queues = QueueSettings(
        queue_b_url=f"{url}/b",
        queue_c_url=f"{url}/c",
        dead_letter_b_url=f"{url}/db",
        dead_letter_c_url=f"{url}/dc",
        kafka=KafkaSettings(bootstrap_servers=f"127.0.0.1:{silent}"),
    )
    health = HealthSettings(service_b_url=url, service_c_url=url)
    settings = WebSettings(gateway_url=url, query_url=url, queues=queues, health=health, watch_every_s=0.1)
    async with create_app(settings).test_app() as running:
        took = []
        for _ in range(2):
            began = time.monotonic()
            answer = await running.test_client().get("/pipeline")
            took.append(time.monotonic() - began)
            assert (answer.status_code, "no answer" in await answer.get_data(as_text=True)) == (200, True)
    assert took[0] < BACKLOG_S + SLACK_S  # the services and the backlog are asked at the same time
    assert took[1] < 2.5 + SLACK_S
