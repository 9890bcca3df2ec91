"""Both stores, opened when they are used."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from botocore.exceptions import BotoCoreError

from cli.addresses import Addresses
from cli.dynamodb import Items
from cli.postgres import Rows
from pipeline.clients.aws import client
from pipeline.core.errors import SettingsError
from pipeline.core.settings.tools import StoreSettings


@asynccontextmanager
async def open_stores(addresses: Addresses) -> AsyncIterator[tuple[Rows, Items]]:
    """PostgreSQL's rows and DynamoDB's items. Each call raises StoreUnavailable; entering it raises SettingsError."""
    settings = addresses.read(StoreSettings)
    async with AsyncExitStack() as opened:
        try:
            dynamodb = await opened.enter_async_context(client("dynamodb", addresses.dynamodb))
        except (BotoCoreError, ValueError) as error:  # no region, no such profile, an endpoint that is no URL
            raise SettingsError(
                f"DynamoDB: {error}: set AWS_REGION, and AWS_PROFILE or the keys, to where it is"
            ) from error
        rows = await opened.enter_async_context(Rows.connected(settings.postgres_url))
        yield rows, Items(dynamodb, settings.table)
