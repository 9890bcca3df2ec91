"""The gateway, without legs."""

from collections.abc import AsyncIterator, Callable

import pytest
from quart import Quart
from quart.typing import TestClientProtocol as Client

import gateway.app
from pipeline.core.settings.gateway import GatewaySettings
from pipeline.core.settings.kafka import KafkaSettings


@pytest.fixture
def gateway_settings(unused_tcp_port_factory: Callable[[], int], monkeypatch: pytest.MonkeyPatch) -> GatewaySettings:
    """Legs that nobody answers."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{unused_tcp_port_factory()}")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    return GatewaySettings(
        topic_arn="arn:aws:sns:us-east-1:000000000000:events",
        leg_timeout_s=0.3,
        kafka=KafkaSettings(bootstrap_servers=f"127.0.0.1:{unused_tcp_port_factory()}"),
    )


@pytest.fixture
def app(gateway_settings: GatewaySettings) -> Quart:
    """The gateway's app."""
    return gateway.app.create_app(gateway_settings)


@pytest.fixture
async def client(app: Quart) -> AsyncIterator[Client]:
    """A client of the running gateway."""
    async with app.test_app() as running:
        yield running.test_client()
