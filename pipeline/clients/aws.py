"""The one place that makes AWS clients.

Endpoint, region and credentials are the SDK's own settings (`AWS_ENDPOINT_URL`,
`AWS_REGION`, …), so the same code runs on the emulator and on AWS.
"""

from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal
from urllib.parse import urlsplit

from botocore.exceptions import NoCredentialsError

from pipeline.core.settings import aws_region
from pipeline.core.signature import Credentials

Service = Literal["sns", "sqs", "dynamodb", "s3", "cloudformation", "apigatewayv2", "kafka", "sts", "ecs"]

SNS_REFUSALS = frozenset(
    ("InvalidParameter", "InvalidParameterValue", "ParameterValueInvalid", "BatchRequestTooLong", "ValidationError")
)
"""SNS' errors that sending the same again brings again; any other, such as `NotFound`, ends when someone mends it."""

_OF_AWS = (".amazonaws.com", ".amazonaws.com.cn", ".api.aws")

_RETRIES = {"mode": "standard", "total_max_attempts": 2}


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """An endpoint that the environment doesn't name, as the emulator's is to the program that starts it."""

    endpoint_url: str
    region_name: str
    aws_access_key_id: str
    aws_secret_access_key: str = field(repr=False)


def is_url_of_aws(url: str) -> bool:
    """Whether `url` is one of AWS, and not of an emulator."""
    return str(urlsplit(url).hostname).endswith(_OF_AWS)


def client(
    service: Service, endpoint: Endpoint | None = None, *, patient: bool = False
) -> AbstractAsyncContextManager[Any]:
    """A client of `service`, to be entered once by each process that needs it.

    One that is `patient` waits out throttling ("Rate exceeded") for minutes.
    """
    retries = {"mode": "adaptive", "total_max_attempts": 12} if patient else _RETRIES
    return _client(_session(endpoint), service, endpoint, retries)


class Account:
    """A client of one service, with what signs requests to it that are not made by the client."""

    def __init__(self, client: Any, session: Any) -> None:
        self.client = client
        self.url: str = client.meta.endpoint_url
        self.region: str = client.meta.region_name
        self._session = session

    async def credentials(self) -> Credentials:
        """The credentials now: a role's are renewed before they end. Raises NoCredentialsError (botocore)."""
        found = await self._session.get_credentials()
        if found is None:
            raise NoCredentialsError
        frozen = await found.get_frozen_credentials()
        return Credentials(frozen.access_key, frozen.secret_key, frozen.token)


@asynccontextmanager
async def account(service: Service, endpoint: Endpoint | None = None) -> AsyncGenerator[Account, None]:
    """An account of `service`, to be entered once by each process that needs it."""
    session = _session(endpoint)
    async with _client(session, service, endpoint) as made:
        yield Account(made, session)


def _session(endpoint: Endpoint | None) -> Any:
    import aioboto3  # here, as it takes half a second, and most commands of the tools end without it
    from aiobotocore.session import get_session

    core = get_session()
    models = _models(core.get_config_variable("data_path"))
    core.register_component("data_loader", models)
    if endpoint:
        keys = (endpoint.aws_access_key_id, endpoint.aws_secret_access_key)
        session = aioboto3.Session(*keys, region_name=endpoint.region_name, botocore_session=core)
    else:
        session = aioboto3.Session(region_name=aws_region(), botocore_session=core)
    models.search_paths[:] = dict.fromkeys(models.search_paths)  # every session adds the same folder
    return session


@cache
def _models(data_path: str | None) -> Any:
    """The loader of the SDK's models, one a process: one a session would parse the same files for each client."""
    from botocore.loaders import create_loader

    return create_loader(data_path)


def _client(
    session: Any, service: Service, endpoint: Endpoint | None, retries: dict[str, Any] = _RETRIES
) -> AbstractAsyncContextManager[Any]:
    from aiobotocore.config import AioConfig

    config = AioConfig(
        connect_timeout=2,
        read_timeout=25,  # above the 20 s of a long poll
        max_pool_connections=64,
        retries=retries,
    )
    url = endpoint.endpoint_url if endpoint else None
    made: AbstractAsyncContextManager[Any] = session.client(service, config=config, endpoint_url=url)
    return made
