"""Idle connections of every service outlive a load balancer's 60 s: what closes first must be the balancer."""

import asyncio
from typing import Any
from urllib.parse import urlsplit

BALANCER_S = 65
PARTS = ("gateway", "web", "service_b", "service_c")


async def ask_twice(url: str, pause_s: float) -> list[bytes]:
    """The status lines of two requests on one connection, `pause_s` apart."""
    address = urlsplit(url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    try:
        first = await head(reader, writer)
        await asyncio.sleep(pause_s)
        return [first, await head(reader, writer)]
    finally:
        writer.close()


async def head(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
    writer.write(b"HEAD /healthz HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n")
    answer = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)
    return answer.partition(b"\r\n")[0]


async def test_a_connection_that_is_idle_stays_open(aws: dict[str, Any], scale: float) -> None:
    """6 s, which uvicorn's own 5 s are less than; with --long the balancer's time and more."""
    pause_s = BALANCER_S if scale == 1 else 6
    answered = await asyncio.gather(*(ask_twice(aws[part], pause_s) for part in PARTS))
    assert dict(zip(PARTS, answered, strict=True)) == {part: [b"HTTP/1.1 200 OK"] * 2 for part in PARTS}
