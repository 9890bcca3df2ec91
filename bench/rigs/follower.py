"""Publishes probes beside a load and looks into the stores until each is there by every way."""

import asyncio
import json
import time
import uuid
from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import httpx
import psycopg2

from bench.errors import DoesNotCount
from bench.rigs.system import System
from pipeline.clients.aws import client
from pipeline.core import table
from pipeline.core.ways import WAYS, Via
from pipeline.events.event import STRUCTURED, parse
from stack.http_client import http_client

_EVERY_S = 0.1
"""So rarely that a slow machine looks for probes faster than they come: else the figure would be the reader's."""
LEAST_S = 30.0
"""So many probes that their p99 is not the slowest one."""
_LOOK_EVERY_S = 0.01
_REST_SHARE = 4
"""After a look, at least so many times what it took: a reader that never rests is a load of its own."""
_MOST_PROBES = 10
"""The oldest ones, looked for at once."""
_LONGEST_S = 30.0
_WAYS = tuple(way.copy for way in WAYS if way.copy)


class _Probe(NamedTuple):
    id: str
    body: bytes
    content_hash: bytes
    due: float


class Follower:
    """`latencies_s`: from the moment a probe was due to when a reader finds it by all three ways.

    Looking takes some milliseconds, and counts: the figure is never too small.
    """

    def __init__(self, http: httpx.AsyncClient, dynamodb: Any, cursor: Any, table_name: str) -> None:
        self.latencies_s: list[float] = []
        self._http = http
        self._dynamodb = dynamodb
        self._cursor = cursor
        self._table = table_name
        self._source = f"urn:bench:probe:{uuid.uuid4()}"
        self._under_way: dict[str, _Probe] = {}

    async def follow(self, seconds: float) -> int:
        """Publish probes at an even pace for `seconds`, and follow all to their end; how many there were.

        Raises DoesNotCount where one was refused, or can't be found after long.
        """
        begun, count = time.perf_counter(), int(seconds / _EVERY_S)
        looking = asyncio.create_task(self._look_for_all(count, begun + seconds + _LONGEST_S))
        try:
            async with asyncio.TaskGroup() as sending:
                for number in range(count):
                    due = begun + number * _EVERY_S
                    await asyncio.sleep(due - time.perf_counter())
                    sending.create_task(self._send(self._probe(number, due)))
            await looking
        finally:
            looking.cancel()
        return count

    def _probe(self, number: int, due: float) -> _Probe:
        attributes = {"specversion": "1.0", "id": str(number), "source": self._source, "type": "bench.probe"}
        body = json.dumps(attributes).encode()
        return _Probe(str(number), body, parse(body).content_hash(), due)

    async def _send(self, probe: _Probe) -> None:
        self._under_way[probe.id] = probe
        answer = await self._http.post("/events", content=probe.body, headers={"content-type": STRUCTURED})
        if answer.status_code != 202:
            raise DoesNotCount(f"a probe was answered with {answer.status_code}")

    async def _look_for_all(self, count: int, deadline: float) -> None:
        while len(self.latencies_s) < count:
            if time.perf_counter() > deadline:
                raise DoesNotCount(f"{count - len(self.latencies_s)} of {count} probes are not in every store")
            begun = time.perf_counter()
            if probes := list(self._under_way.values())[:_MOST_PROBES]:
                await self._look_for(probes)
            await asyncio.sleep(max(_LOOK_EVERY_S, _REST_SHARE * (time.perf_counter() - begun)))

    async def _look_for(self, probes: list[_Probe]) -> None:
        rows, items = await asyncio.gather(asyncio.to_thread(self._rows, probes), self._items(probes))
        moment = time.perf_counter()
        for probe in probes:
            if probe.id in rows and all((probe.id, way) in items for way in _WAYS):
                del self._under_way[probe.id]
                self.latencies_s.append(moment - probe.due)

    def _rows(self, probes: Iterable[_Probe]) -> set[str]:
        wanted = [probe.id for probe in probes]
        self._cursor.execute("select id from events where source = %s and id = any(%s)", (self._source, wanted))
        return {id_ for (id_,) in self._cursor.fetchall()}

    async def _items(self, probes: Iterable[_Probe]) -> set[tuple[str, str]]:
        keys = [self._key(probe, way) for probe in probes for way in _WAYS]
        request = {"Keys": keys, "ProjectionExpression": "id, via"}
        answer = await self._dynamodb.batch_get_item(RequestItems={self._table: request})
        return {(item["id"]["S"], item["via"]["S"]) for item in answer["Responses"][self._table]}

    def _key(self, probe: _Probe, way: Via) -> dict[str, dict[str, str]]:
        identity = table.identity_key(self._source, probe.id)
        return {table.IDENTITY: {"S": identity}, table.COPY: {"S": table.copy_key(way, probe.content_hash)}}


@asynccontextmanager
async def connected(system: System) -> AsyncGenerator[Follower, None]:
    """A follower on `system`, with connections of its own."""
    told = system.endpoints
    connection = await asyncio.to_thread(psycopg2.connect, told["postgres"])
    connection.autocommit = True
    try:
        async with (
            http_client(base_url=told["gateway"], timeout=10) as http,
            client("dynamodb", system.dynamodb) as dynamodb,
        ):
            with connection.cursor() as cursor:
                yield Follower(http, dynamodb, cursor, told["table"])
    finally:
        connection.close()
