"""An event is looked at when the gateway has news of it; where it has none to tell, again and again."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import httpx
import msgspec
import pytest

from operations.http_api import HttpApi
from pipeline.core import clock
from pipeline.core.settings.web import WebSettings
from tests.support.waiting import until
from web.edges import Edges
from web.events import follow
from web.events.follow import Sighting, Sought

STORED = {"stored_at": "2026-11-23T15:24:01Z", "origin": {}}
IDENTITY = {"source": "/a b", "id": "1/é"}


class Servers:
    """Gateway and query in one: a stream that the test writes, and an event as the test has it."""

    def __init__(self, *, refuses: bool = False) -> None:
        self.refuses = refuses
        self.looks = 0
        self.asked = ""
        self.streams: list[asyncio.StreamWriter] = []
        self.record: dict[str, Any] | None = None

    def store(self, *, everywhere: bool) -> None:
        copies = {"sqs": STORED, "kafka": STORED} if everywhere else {"sqs": None, "kafka": STORED}
        receipt = {"received_at": "2026-11-23T15:24:00Z", "postgres": STORED, "dynamodb": copies}
        self.record = {**IDENTITY, "event": {}, "receipt": receipt, "complete": everywhere}

    async def tell(self) -> None:
        for stream in self.streams:
            stream.write(b"event: journey\ndata: {}\n\n")
            await stream.drain()

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := (await reader.readuntil(b"\r\n\r\n")).decode() if not reader.at_eof() else "":
            path = head.split()[1]
            if "/journey" in path and not self.refuses:
                self.asked = path
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n:\n\n")
                self.streams.append(writer)
                await self.tell()
                return
            body = b"{}"
            status = 401 if "/journey" in path else 200 if "/readyz" in path or self.record else 404
            if path.startswith("/event?"):
                self.looks += 1
                body = msgspec.json.encode(self.record)
            writer.write(b"HTTP/1.1 %d X\r\ncontent-length: %d\r\n\r\n%b" % (status, len(body), body))
            await writer.drain()


@asynccontextmanager
async def running(servers: Servers) -> AsyncIterator[Edges]:
    connections: list[asyncio.StreamWriter] = []

    async def quietly(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(writer)
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            await servers.answer(reader, writer)

    server = await asyncio.start_server(quietly, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    settings = WebSettings(gateway_url=url, query_url=url)
    async with httpx.AsyncClient(trust_env=False) as client:
        api = HttpApi(client, settings)
        yield Edges(client, api, api, settings)
    for connection in connections:
        connection.close()
        with suppress(ConnectionError):
            await connection.wait_closed()
    server.close()


def sought() -> Sought:
    return Sought(IDENTITY["source"], IDENTITY["id"], clock.now())


async def test_news_is_looked_at_at_once_and_nothing_is_asked_for_between(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follow, "_LIVE_PAUSE_S", 60.0)
    servers = Servers()
    async with running(servers) as both:
        seen: list[Sighting] = []

        async def take_all() -> None:
            async for sighting in follow.sightings(both, sought(), asyncio.Event()):
                seen.append(sighting)

        taking = asyncio.create_task(take_all())

        async def is_followed() -> bool:
            return bool(servers.streams) and servers.looks > 0

        await until(is_followed, within_s=10)
        await asyncio.sleep(1)  # without news there would be six looks meanwhile
        looks = servers.looks
        assert looks <= 2
        for everywhere in (False, True):
            servers.store(everywhere=everywhere)
            await servers.tell()

            async def is_seen(number: int = 2 + everywhere) -> bool:
                return len(seen) == number

            await until(is_seen, within_s=5)
        await asyncio.wait_for(taking, 5)
    assert servers.asked == "/events/1%2F%C3%A9/journey?source=%2Fa+b"
    assert servers.looks == looks + 2
    assert [each.is_over for each in seen] == [False, False, True]


@pytest.mark.parametrize("refuses", [True, False])
async def test_without_news_it_is_looked_for_again_and_again(refuses: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    servers = Servers(refuses=refuses)
    monkeypatch.setattr(follow, "_LIVE_PAUSE_S", 60.0)
    async with running(servers) as both:
        seen = follow.sightings(both, sought(), asyncio.Event())
        await anext(seen)
        if not refuses:  # the gateway goes away

            async def is_followed() -> bool:
                return bool(servers.streams)

            await until(is_followed, within_s=5)
            servers.streams[0].close()
        servers.store(everywhere=True)
        assert (await asyncio.wait_for(anext(seen), 5)).is_over
        await seen.aclose()  # type: ignore[attr-defined]


async def test_a_stop_of_web_ends_it_and_its_stream() -> None:
    servers, closing = Servers(), asyncio.Event()
    async with running(servers) as both:
        async for _ in follow.sightings(both, sought(), closing):
            closing.set()
    assert not [task for task in asyncio.all_tasks() if "_News." in repr(task)]
