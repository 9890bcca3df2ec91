"""The one place that makes AWS clients.

Endpoint, region and credentials are the SDK's own settings (`AWS_ENDPOINT_URL`,
`AWS_REGION`, …), so the same code runs on the emulator and on AWS.
"""

from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import aioboto3
from aiobotocore.config import AioConfig

Service = Literal["sns", "sqs", "dynamodb", "s3", "cloudformation", "apigatewayv2"]

_CONFIG = AioConfig(
    connect_timeout=2,
    read_timeout=25,  # above the 20 s of a long poll
    max_pool_connections=64,
    retries={"mode": "standard", "total_max_attempts": 2},
)


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """An endpoint that the environment doesn't name, as the emulator's is to the program that starts it."""

    endpoint_url: str
    region_name: str
    aws_access_key_id: str
    aws_secret_access_key: str = field(repr=False)


def client(service: Service, endpoint: Endpoint | None = None) -> AbstractAsyncContextManager[Any]:
    """A client of `service`, to be entered once by each process that needs it."""
    named = asdict(endpoint) if endpoint else {}
    return aioboto3.Session().client(service, config=_CONFIG, **named)


class LateClient:
    """A client that is made at its first use, in the loop that uses it."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._resources = AsyncExitStack()
        self._client: Any = None

    async def get(self) -> Any:
        """The client."""
        if self._client is None:
            self._client = await self._resources.enter_async_context(client(self._service))
        return self._client

    async def close(self) -> None:
        """Close it; the next `get` makes another."""
        self._client = None
        await self._resources.aclose()
