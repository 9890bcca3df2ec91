"""Floods of hostile requests: the memory of gateway and web stays near what it is at rest."""

import asyncio
import itertools
import os
import socket
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from pipeline.core.keys import new
from stack.http_client import http_client
from tests.support.gateway_process import answers, gateway
from tests.support.running_system import ROOT
from tests.support.waiting import until

MAX_GROWTH_KB = 64 * 1024
CONNECTIONS = 200
SEND_BUFFER_BYTES = 16 * 1024
FULL_S = 30
CHUNKED = b"transfer-encoding: chunked\r\n\r\n"
Address = tuple[str, int]
Flood = Callable[[bytes], Iterator[bytes]]
"""The pieces that follow a request line with its Host, without end."""


def heads(start: bytes) -> Iterator[bytes]:
    """Whole heads, as many as can be, and no end of the last one."""
    while True:
        yield (start + b"\r\n") * 50


def fields(start: bytes) -> Iterator[bytes]:
    yield start
    for number in itertools.count():
        yield b"".join(b"a%d-%d: b\r\n" % (number, each) for each in range(500))


def one_endless_value(start: bytes) -> Iterator[bytes]:
    yield start + b"a: "
    while True:
        yield b"y" * 65_536


def trailers(start: bytes) -> Iterator[bytes]:
    yield start + CHUNKED + b"2\r\n{}\r\n0\r\n"
    while True:
        yield b"ce-a: b\r\n" * 5_000


def chunks_of_one_byte(start: bytes) -> Iterator[bytes]:
    yield start + CHUNKED
    while True:
        yield b"1\r\nx\r\n" * 5_000


def chunk_extensions(start: bytes) -> Iterator[bytes]:
    yield start + CHUNKED
    while True:
        yield b"1;" + b"e" * 30_000 + b"\r\nx\r\n"


def bodies_that_never_end(start: bytes) -> Iterator[bytes]:
    yield start + b"content-length: 1000000\r\n\r\n"
    for _ in range(15):
        yield b"x" * 65_000
    while True:
        yield b""


FLOODS: list[Flood] = [
    heads,
    fields,
    one_endless_value,
    trailers,
    chunks_of_one_byte,
    chunk_extensions,
    bodies_that_never_end,
]


async def attack(address: Address, flood: Flood, start: bytes, until_s: float) -> None:
    """Send on one connection after the other, each as fast as it goes."""
    clock = asyncio.get_running_loop().time
    while clock() < until_s:
        try:
            reader, writer = await asyncio.open_connection(*address)
            # What waits in the kernel floods nobody: the server has to work it off afterwards.
            writer.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
            reading = asyncio.create_task(_read_all(reader))
            try:
                for piece in flood(start):
                    if clock() > until_s or writer.is_closing() or reading.done():
                        break
                    writer.write(piece)
                    await asyncio.wait_for(writer.drain(), 1)
                    await asyncio.sleep(0 if piece else 0.2)
            finally:
                reading.cancel()
                writer.transport.abort()
        except (OSError, TimeoutError):
            continue


async def _read_all(reader: asyncio.StreamReader) -> None:
    while await reader.read(65_536):
        pass


def resident_kb(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))


async def peak_kb(pid: int, attacks: list[asyncio.Task[None]]) -> int:
    """The most while they last."""
    most = 0
    while not all(each.done() for each in attacks):
        most = max(most, resident_kb(pid))
        await asyncio.wait(attacks, timeout=0.05)
    await asyncio.gather(*attacks)
    return most


@asynccontextmanager
async def web(port: int, log: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    """The pages, whose gateway and query nobody asks here."""
    own = {"MENSAGERIA_WEB_PORT": str(port), "MENSAGERIA_QUERY_URL": "http://127.0.0.1:1/"}
    environ = os.environ | own  # noqa: TID251 - what a shell gives it
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "web"), cwd=ROOT, env=environ, stderr=output
        )
    try:
        yield process
    finally:
        process.kill()
        await process.wait()


@pytest.fixture(params=["gateway without keys", "gateway with keys", "web"])
async def server(
    request: pytest.FixtureRequest, aws: dict[str, str], unused_tcp_port: int, tmp_path: Path
) -> AsyncIterator[tuple[int, Address]]:
    """Its pid and address."""
    keys, log = tmp_path / "keys", tmp_path / "log"
    keys.write_text(new("shop")[1])
    settings = {"GATEWAY_KEYS_FILE": str(keys)} if request.param == "gateway with keys" else {}
    is_web = request.param == "web"
    made = web(unused_tcp_port, log) if is_web else gateway(aws, unused_tcp_port, log=str(log), **settings)
    async with made as process, http_client(base_url=f"http://127.0.0.1:{unused_tcp_port}", timeout=20) as client:
        await until(lambda: answers(client, "/readyz", 200), within_s=30)
        yield process.pid, ("127.0.0.1", unused_tcp_port)
        await until(lambda: answers(client, "/healthz", 200), within_s=60)  # once it has refused all that waits


@pytest.mark.timeout(len(FLOODS) * FULL_S + 120)
async def test_a_flood_takes_no_memory(server: tuple[int, Address], scale: float) -> None:
    pid, address = server
    rest_kb = resident_kb(pid)
    paths = (b"/events", b"/healthz", b"/metrics", b"/nothing", b"/events?a=b", b"/%")
    starts = [b"POST " + path + b" HTTP/1.1\r\nhost: localhost\r\n" for path in paths]
    growth_kb: dict[str, int] = {}
    for flood in FLOODS:
        end = asyncio.get_running_loop().time() + FULL_S * scale / (1 if scale == 1 else 3)
        attacks = [
            asyncio.create_task(attack(address, flood, start, end))
            for start in itertools.islice(itertools.cycle(starts), CONNECTIONS)
        ]
        growth_kb[flood.__name__] = await peak_kb(pid, attacks) - rest_kb
    assert {name: kb for name, kb in growth_kb.items() if kb > MAX_GROWTH_KB} == {}, growth_kb
