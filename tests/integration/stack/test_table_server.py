"""The server of DynamoDB's API: durability, guard, stop, and the texts of its errors."""

import asyncio
import base64
import json
import random
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from botocore.exceptions import BotoCoreError, ClientError

from infra import template
from pipeline.clients.aws import client
from pipeline.core.settings.stack import StackSettings
from stack import aws, dynamodb, ports, process
from stack.home import ROOT, Home
from stack.http_client import http_client
from stack.ports import HOST, Ports
from streams.dynamodb import _TOO_LARGE
from tests.support.waiting import until


class Server:
    """One server on disk, started and ended as the test likes."""

    def __init__(self, home: Home, chosen: Ports) -> None:
        self.endpoint = aws.endpoint(home, chosen.dynamodb)
        self.port = chosen.dynamodb
        self._home = home
        self._part = dynamodb.part(home, chosen, self.endpoint, "disk")
        self.running: asyncio.subprocess.Process

    async def start(self) -> None:
        await self._part.prepare()
        self.running = await process.spawn(self._part.command, self._part.environment, self._home.log("dynamodb"), ROOT)
        await until(self._part.probe, within_s=20, every_s=0.02)
        await self._part.lay_out()

    async def end(self, number: signal.Signals) -> int:
        self.running.send_signal(number)
        async with asyncio.timeout(8):
            return await self.running.wait()

    def stored_bytes(self) -> int:
        """What its folder has."""
        return sum(file.stat().st_size for file in (self._home.path / "dynamodb" / "leveldb").iterdir())

    @asynccontextmanager
    async def table(self) -> AsyncIterator[Any]:
        async with client("dynamodb", self.endpoint) as made:
            yield made


@asynccontextmanager
async def started(folder: Path) -> AsyncIterator[Server]:
    one = Server(Home(folder), ports.choose(StackSettings(ports="free")))
    await one.start()
    yield one
    if one.running.returncode is None:
        await one.end(signal.SIGKILL)


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    """A server of the test's own, which it may end."""
    async with started(tmp_path) as one:
        yield one


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    """A server that every test with the mark `in_its_loop` leaves running."""
    async with started(tmp_path_factory.mktemp("shared")) as one:
        yield one


in_its_loop = pytest.mark.asyncio(loop_scope="module")


def item(number: str, **changes: str) -> dict[str, dict[str, str]]:
    own = {"identity": f"s\n{number}", "copy": "sqs#0", "bucket": "2026-11-23#0", "position": number} | changes
    return {name: {"S": value} for name, value in own.items()}


async def test_what_was_acknowledged_outlives_a_kill(server: Server) -> None:
    acknowledged: list[str] = []

    async def write(writer: int) -> None:
        async with server.table() as table:
            for number in range(100_000):
                name = f"{writer}-{number}"
                await table.put_item(TableName="events", Item=item(name))
                acknowledged.append(name)

    async def many() -> bool:
        return len(acknowledged) > 500

    writers = [asyncio.create_task(write(number)) for number in range(4)]
    await until(many, within_s=60, every_s=0.01)
    await server.end(signal.SIGKILL)
    for writer in writers:
        writer.cancel()
    ended = await asyncio.gather(*writers, return_exceptions=True)
    assert all(isinstance(each, asyncio.CancelledError | BotoCoreError | ClientError) for each in ended)
    await server.start()
    async with server.table() as table:
        scanned = [
            each async for page in table.get_paginator("scan").paginate(TableName="events") for each in page["Items"]
        ]
        indexed = [
            each
            async for page in table.get_paginator("scan").paginate(TableName="events", IndexName="by_time")
            for each in page["Items"]
        ]
    names = {each["identity"]["S"].partition("\n")[2] for each in scanned}
    assert set(acknowledged) <= names
    assert len(names) <= len(acknowledged) + 4
    # Of a write that the kill cut off, and nobody was told of, the index or the table may have its part alone.
    in_index = {each["position"]["S"] for each in indexed}
    assert set(acknowledged) <= in_index
    assert len(in_index ^ names) <= 4


async def test_a_query_keeps_nothing_of_what_is_overwritten(server: Server) -> None:
    async with server.table() as table:
        for number in range(120):
            large = item(str(number % 4), event=base64.b64encode(random.Random(number).randbytes(280_000)).decode())
            await table.put_item(TableName="events", Item=large)
            await table.query(
                TableName="events",
                Limit=1,
                KeyConditionExpression="#identity = :identity",
                ExpressionAttributeNames={"#identity": "identity"},
                ExpressionAttributeValues={":identity": large["identity"]},
            )
    assert server.stored_bytes() < 25_000_000  # of 45 MB that were written, 1.5 are not overwritten


@in_its_loop
@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"host": "localhost"}, 200),
        ({"sec-fetch-site": "none"}, 200),
        ({"origin": "http://127.0.0.1:8080"}, 403),
        ({"origin": "null"}, 403),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-origin"}, 403),
        ({"host": "rebound.example"}, 421),
        ({"host": "127.0.0.1.example:80"}, 421),
    ],
)
async def test_web_pages_are_refused(shared: Server, headers: dict[str, str], status: int) -> None:
    async with http_client(timeout=5) as http:
        for method in ("GET", "POST", "OPTIONS"):
            answer = await http.request(method, shared.endpoint.endpoint_url, headers=headers)
            if status != 200:
                assert answer.status_code == status
                assert "detail" in answer.json()
                assert not [name for name in answer.headers if name.startswith("access-control")]
            else:
                assert answer.status_code not in (403, 421)


@in_its_loop
async def test_an_absolute_target_with_another_host_is_refused(shared: Server) -> None:
    for target, status in ((b"http://evil.example/", b"421"), (b"http://localhost/", b"200")):
        reader, writer = await asyncio.open_connection(HOST, shared.port)
        writer.write(b"GET " + target + b" HTTP/1.1\r\nhost: localhost\r\n\r\n")
        assert (await reader.readline()).split()[1] == status
        writer.close()


@in_its_loop
async def test_a_request_without_a_host_is_refused(shared: Server) -> None:
    reader, writer = await asyncio.open_connection(HOST, shared.port)
    writer.write(b"GET / HTTP/1.0\r\n\r\n")
    assert b" 421 " in await reader.readline()
    writer.close()


async def test_sigterm_ends_it_in_order_with_connections_open(server: Server) -> None:
    async with server.table() as table, httpx.AsyncClient() as http:
        await table.put_item(TableName="events", Item=item("1"))
        await http.get(server.endpoint.endpoint_url)
        with socket.create_connection((HOST, server.port)):
            assert await server.end(signal.SIGTERM) == 0
    await server.start()
    async with server.table() as table:
        assert (await table.scan(TableName="events"))["Count"] == 1


@in_its_loop
async def test_a_connection_that_breaks_off_ends_nothing(shared: Server) -> None:
    for _ in range(5):
        broken = socket.create_connection((HOST, shared.port))
        broken.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        broken.sendall(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{")
        broken.close()
    async with shared.table() as table:
        await table.put_item(TableName="events", Item=item("1"))
    assert shared.running.returncode is None


@in_its_loop
@pytest.mark.parametrize("changes", [{"event": "x" * 420_000}, {"identity": "x" * 2049}])
async def test_what_is_too_large_is_refused_with_the_text_that_service_c_knows(
    shared: Server, changes: dict[str, str]
) -> None:
    """What a publisher can make too large: the other keys are of bounded size by their making."""
    async with shared.table() as table:
        with pytest.raises(ClientError) as refused:
            await table.batch_write_item(RequestItems={"events": [{"PutRequest": {"Item": item("1", **changes)}}]})
    assert refused.value.response["Error"]["Code"] == "ValidationException"
    assert _TOO_LARGE in refused.value.response["Error"]["Message"]


@in_its_loop
async def test_another_table_than_ours_is_refused_with_other_texts(shared: Server) -> None:
    wrong: list[dict[str, Any]] = [item("1") | {"copy": {"N": "1"}}, {"identity": {"S": "a"}}]
    async with shared.table() as table:
        for each in wrong:
            with pytest.raises(ClientError) as refused:
                await table.batch_write_item(RequestItems={"events": [{"PutRequest": {"Item": each}}]})
            assert refused.value.response["Error"]["Code"] == "ValidationException"
            assert _TOO_LARGE not in refused.value.response["Error"]["Message"]
        with pytest.raises(ClientError) as missing:
            await table.batch_write_item(RequestItems={"other": [{"PutRequest": {"Item": item("1")}}]})
        assert missing.value.response["Error"]["Code"] == "ResourceNotFoundException"


@in_its_loop
async def test_the_table_is_the_templates(shared: Server) -> None:
    async with shared.table() as table:
        made = (await table.describe_table(TableName="events"))["Table"]
    wanted = template.table()
    assert made["KeySchema"] == wanted["KeySchema"]
    assert [index["IndexName"] for index in made["GlobalSecondaryIndexes"]] == ["by_time"]


def test_the_lock_has_a_hash_for_each_package_and_names_no_registry() -> None:
    locked = json.loads((ROOT / "requirements" / "dynamodb" / "package-lock.json").read_text())["packages"]
    packages = [each for name, each in locked.items() if name]
    assert len(packages) == 25
    assert all(each["integrity"].startswith("sha512-") and "resolved" not in each for each in packages)
