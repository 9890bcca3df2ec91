"""The pages, running."""

from collections.abc import AsyncIterator

import pytest
from quart.typing import TestClientProtocol as Client

from pipeline.core.settings.web import WebSettings
from tests.support.edge import Edge
from web.app import create_app


@pytest.fixture
async def pages(edge: Edge) -> AsyncIterator[Client]:
    """A client of the running pages."""
    app = create_app(WebSettings(gateway_url=edge.url, query_url=f"{edge.url}/stage", timeout_s=2))
    async with app.test_app() as running:
        yield running.test_client()
