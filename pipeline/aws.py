"""The one place that makes AWS clients.

Endpoint, region and credentials are the SDK's own settings (`AWS_ENDPOINT_URL`,
`AWS_REGION`, …), so the same code runs on the emulator and on AWS.
"""

from contextlib import AbstractAsyncContextManager
from typing import Any, Literal

import aioboto3
from aiobotocore.config import AioConfig

_CONFIG = AioConfig(
    connect_timeout=2,
    read_timeout=25,  # above the 20 s of a long poll
    max_pool_connections=64,
    retries={"mode": "standard", "total_max_attempts": 2},
)


def client(service: Literal["sns", "sqs", "dynamodb"]) -> AbstractAsyncContextManager[Any]:
    """A client of `service`, to be entered once by each process that needs it."""
    return aioboto3.Session().client(service, config=_CONFIG)
