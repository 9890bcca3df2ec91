"""Both stores, opened when they are used."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from cli.addresses import Addresses
from cli.dynamodb import Items
from cli.postgres import Rows
from pipeline.aws import client
from pipeline.settings import StoreSettings


@asynccontextmanager
async def open_stores(addresses: Addresses) -> AsyncIterator[tuple[Rows, Items]]:
    """PostgreSQL's rows and DynamoDB's items. Each call raises StoreUnavailable."""
    settings = addresses.read(StoreSettings)
    async with client("dynamodb", addresses.dynamodb) as dynamodb, Rows.connected(settings.postgres_url) as rows:
        yield rows, Items(dynamodb, settings.table)
