"""Live parts of a page, sent again as server-sent events whenever they change."""

import asyncio
import math
import re
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing

from quart import Response, stream_with_context
from quart.typing import ResponseReturnValue

from web.context import current
from web.login import access

MAX_STREAMS = 50
"""API Gateway lets 50 requests a second through: more followers would take it all."""
_HEARTBEAT_S = 20.0
"""A load balancer cuts a stream that is silent for a minute (infra/services.yaml: idle_timeout)."""
_HEARTBEAT = b":\n\n"
_LINE_END = re.compile(r"\r\n|\r|\n")


def stream(parts: AsyncGenerator[str, None]) -> ResponseReturnValue:
    """`parts` as they come; 503 where too many are followed already.

    Each is HTML whose elements have the ids of those on the page that they renew;
    static/live.js follows the address in any element's `data-live`. The browser
    comes back when a stream breaks; after the last part it does not, unless the process stops.
    A stream ends with the session of whoever follows it. Where no part comes, comments keep it open.
    """
    web = current()
    streams, closing = web.streams, web.closing
    if len(streams) >= MAX_STREAMS:
        return "", 503, {"Retry-After": "5"}
    person = access.person()
    ends_at = person.ends_at if person else None

    @stream_with_context
    async def messages() -> AsyncIterator[bytes]:
        streams.add(parts)
        try:
            async with aclosing(_until(ends_at, parts)) as coming:
                async for part in coming:
                    yield _HEARTBEAT if part is None else _message("parts", part)
            if not closing.is_set():
                yield _message("end", "")
        finally:
            streams.discard(parts)
            await parts.aclose()

    response = Response(messages(), content_type="text/event-stream", headers={"Cache-Control": "no-store"})
    response.timeout = None
    return response


async def _until(ends_at: float | None, parts: AsyncGenerator[str, None]) -> AsyncGenerator[str | None, None]:
    """The parts before `ends_at` (seconds since 1970), and None whenever there was none for a while."""
    coming = asyncio.create_task(_next(parts))
    try:
        while (left_s := math.inf if ends_at is None else ends_at - time.time()) > 0:
            await asyncio.wait((coming,), timeout=min(left_s, _HEARTBEAT_S))
            if not coming.done():
                if left_s > _HEARTBEAT_S:
                    yield None
            elif (part := coming.result()) is not None:
                yield part
                coming = asyncio.create_task(_next(parts))
            else:
                return
    finally:
        coming.cancel()
        await asyncio.wait((coming,))


async def _next(parts: AsyncGenerator[str, None]) -> str | None:
    return await anext(parts, None)


def _message(name: str, data: str) -> bytes:
    lines = "\n".join(f"data: {line}" for line in _LINE_END.split(data))
    return f"event: {name}\n{lines}\n\n".encode()
