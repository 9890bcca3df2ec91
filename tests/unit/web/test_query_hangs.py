"""A query that takes the request and never answers: each page comes in time all the same, and says what is missing."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
from quart.typing import TestClientProtocol as Client

from pipeline.core.clock import now, rfc3339
from pipeline.core.settings.web import WebSettings
from tests.support.edge import Edge
from web.app import create_app

WITHIN_S = 0.6
"""Short for the tests; more than the share of a page's deadline that the time of the store gets."""
SLACK_S = 1.0
"""For a busy machine, and for the services that a late event's page asks."""


@pytest.fixture
async def pages(edge: Edge) -> AsyncIterator[Client]:
    """The pages of a query that hangs, and of a gateway that answers."""
    hang = asyncio.Event()

    async def take(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await hang.wait()
        writer.close()

    server = await asyncio.start_server(take, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    app = create_app(WebSettings(gateway_url=edge.url, query_url=url, query_timeout_s=WITHIN_S))
    async with app.test_app() as running:
        yield running.test_client()
    hang.set()
    server.close()


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
