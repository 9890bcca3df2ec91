"""Proxies of connections: bytes of any protocol, and Kafka's frames."""

import asyncio
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Literal, Self, get_args

from tests.support.proxies.pace import Pace

WireFault = Literal["reset", "stall", "delay", "cut"]
WIRE_FAULTS: tuple[WireFault, ...] = get_args(WireFault)
DELAY_S = 2.0
_READ_BYTES = 65_536
Read = Callable[[asyncio.StreamReader], Awaitable[bytes]]


class WireProxy:
    """Passes bytes on to `host`:`port`.

    `reset` closes every connection and takes no other, `stall` keeps back what the server says,
    `delay` lets it come 2 s late, `cut` closes the connection in place of it: what was asked for
    has been carried out. Beside the faults, `pace` is how many bytes a second the server takes.
    """

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port
        self.port = 0
        self.fault: WireFault | None = None
        self.pace = Pace()
        self.struck = 0
        """How many connections or answers the faults have hit."""
        self._changed = asyncio.Event()
        self._writers: set[asyncio.StreamWriter] = set()

    def break_as(self, fault: WireFault | None) -> None:
        """From now on."""
        self.fault = fault
        self._changed.set()
        self._changed = asyncio.Event()
        if fault == "reset":
            self.struck += len(self._writers)
            for writer in self._writers:
                writer.transport.abort()

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[Self]:
        """On a free port."""
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            self.break_as("reset")

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if self.fault == "reset":
                return
            far_reader, far_writer = await asyncio.open_connection(self._host, self._port)
            self._writers |= {writer, far_writer}
            try:
                await _first_ended(
                    self._pass_on(reader, far_writer, self._asked), self._pass_on(far_reader, writer, self._answered)
                )
            finally:
                self._writers -= {writer, far_writer}
                far_writer.transport.abort()
        except OSError:  # one end is gone: so is the other
            return
        finally:
            writer.transport.abort()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, read: Read) -> None:
        while piece := await read(reader):
            writer.write(piece)
            await writer.drain()

    async def _asked(self, reader: asyncio.StreamReader) -> bytes:
        piece = await reader.read(_READ_BYTES)
        await self.pace.spend(len(piece))
        return piece

    async def _answered(self, reader: asyncio.StreamReader) -> bytes:
        return await self._broken(await reader.read(_READ_BYTES))

    async def _broken(self, answer: bytes) -> bytes:
        self.struck += self.fault is not None
        if self.fault == "delay":
            await asyncio.sleep(DELAY_S)
        while self.fault == "stall":
            await self._changed.wait()
        return b"" if self.fault == "cut" else answer


class KafkaProxy(WireProxy):
    """Passes Kafka's frames on, with its own address in place of the broker's."""

    def __init__(self, broker: str) -> None:
        host, _, port = broker.partition(":")
        super().__init__(host, int(port))

    async def _answered(self, reader: asyncio.StreamReader) -> bytes:
        """A frame: its length in four bytes, and that many."""
        try:
            length = struct.unpack(">i", await reader.readexactly(4))[0]
            frame = await reader.readexactly(length)
        except asyncio.IncompleteReadError:
            return b""
        mine, real = (struct.pack(">i", port) for port in (self.port, self._port))
        address = self._host.encode()
        whole = struct.pack(">i", length) + frame.replace(address + real, address + mine)
        return await self._broken(whole)


async def _first_ended(*ways: Awaitable[None]) -> None:
    """Run all until one ends, then end the others; raises what that one raised."""
    tasks = [asyncio.ensure_future(way) for way in ways]
    try:
        ended, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    for task, outcome in zip(tasks, outcomes, strict=True):
        if task in ended and isinstance(outcome, BaseException):
            raise outcome
