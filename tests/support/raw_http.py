"""Sends bytes to an HTTP server as they are."""

import asyncio
import socket

Address = tuple[str, int]


async def talk(address: Address, *pieces: bytes) -> bytes:
    """What the server answers to `pieces` before it closes the connection; "" where it was reset on unread bytes."""
    reader, writer = await asyncio.open_connection(*address)
    # A piece is a segment.
    writer.transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0)
    except ConnectionError:
        pass  # it has answered before it had read all
    try:
        return await asyncio.wait_for(reader.read(), 5)
    except ConnectionResetError:
        return b""
    finally:
        writer.close()
