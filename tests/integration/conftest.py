"""What tests on the real parts share."""

import uuid
from typing import Any

import pytest


@pytest.fixture
def source() -> str:
    """An event source that no other test uses: all of them share one system."""
    return f"urn:test:{uuid.uuid4()}"


@pytest.fixture
def aws(system: Any, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The system's endpoints, with the AWS SDK's own settings made from them."""
    endpoints: dict[str, str] = system.endpoints
    for name, value in (
        ("AWS_ENDPOINT_URL", endpoints["aws"]),
        ("AWS_ENDPOINT_URL_DYNAMODB", endpoints["dynamodb"]),
        ("AWS_REGION", endpoints["region"]),
        ("AWS_DEFAULT_REGION", endpoints["region"]),
        ("AWS_ACCESS_KEY_ID", endpoints["access_key"]),
        ("AWS_SECRET_ACCESS_KEY", endpoints["secret_key"]),
    ):
        monkeypatch.setenv(name, value)
    return endpoints
