"""How many events each store of a running system holds."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import httpx
import psycopg2
from botocore.exceptions import BotoCoreError, ClientError

from bench.rigs.system import System
from pipeline.clients.aws import client
from pipeline.core.table import BY_TIME
from stack.http_client import http_client
from web.operating import exposition


class Counts(NamedTuple):
    """Rows in PostgreSQL; items in DynamoDB, which has one of each event for each of its two ways."""

    rows: int
    items: int

    def since(self, earlier: "Counts") -> "Counts":
        """What came since `earlier`."""
        return Counts(self.rows - earlier.rows, self.items - earlier.items)


class StoreCounts:
    """Counts both stores. `last` is what each said last."""

    def __init__(self, system: System, dynamodb: Any, http: httpx.AsyncClient) -> None:
        self._system = system
        self._dynamodb = dynamodb
        self._http = http
        self.last = Counts(0, 0)

    async def now(self) -> Counts:
        """The counts; a store that can't be asked counts as it did the last time."""
        rows, items = await asyncio.gather(self._or(self._rows, self.last.rows), self._or(self._items, self.last.items))
        self.last = Counts(rows, items)
        return self.last

    async def reported(self) -> Counts:
        """The rows, and the items that service C says it has put since it began: cheap, to be looked at often."""
        rows, answer = await asyncio.gather(
            self._rows(), self._http.get(f"{self._system.endpoints['service_c']}/metrics")
        )
        counters = exposition.numbers(answer.text).counters
        return Counts(rows, int(sum(counters[exposition.stored("dynamodb", via)] for via in ("sqs", "kafka"))))

    async def _or(self, count: Callable[[], Awaitable[int]], last: int) -> int:
        try:
            return await count()
        except (psycopg2.Error, BotoCoreError, ClientError):
            return last

    async def _rows(self) -> int:
        return await asyncio.to_thread(_count, self._system.endpoints["postgres"])

    async def _items(self) -> int:
        # DescribeTable's ItemCount is hours old on AWS, and always 0 here.
        pages = self._dynamodb.get_paginator("scan").paginate(
            TableName=self._system.endpoints["table"], IndexName=BY_TIME, Select="COUNT"
        )
        return sum([page["Count"] async for page in pages])


@asynccontextmanager
async def connected(system: System) -> AsyncGenerator[StoreCounts, None]:
    """The counts of `system`."""
    async with client("dynamodb", system.dynamodb) as dynamodb, http_client(timeout=10) as http:
        yield StoreCounts(system, dynamodb, http)


def _count(url: str) -> int:
    connection = psycopg2.connect(url, connect_timeout=2)
    try:
        with connection.cursor() as cursor:
            cursor.execute("select count(*) from events")
            return int(cursor.fetchone()[0])  # type: ignore[index]
    finally:
        connection.close()
