"""What is live on a page: its parts, sent again as server-sent events whenever they change."""

import asyncio
import re
import time
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

from quart import Response, current_app, stream_with_context

from web import access

_MAX_STREAMS = 50
"""API Gateway lets 50 requests a second through: more followers would take it all."""
_LINE_END = re.compile(r"\r\n|\r|\n")


def stream(parts: AsyncGenerator[str, None]) -> Any:
    """`parts` as they come; 503 where too many are followed already.

    Each is HTML whose elements have the ids of those on the page that they renew;
    static/live.js follows the address in any element's `data-live`. The browser
    comes back when a stream breaks; after the last part it does not, unless the process stops.
    A stream ends with the session of whoever follows it.
    """
    streams = current_app.extensions.setdefault("streams", set())
    if len(streams) >= _MAX_STREAMS:
        return "", 503, {"Retry-After": "5"}
    person = access.person()
    ends_at = person.ends_at if person else None
    closing = current_app.extensions["closing"]

    @stream_with_context
    async def messages() -> AsyncIterator[bytes]:
        streams.add(parts)
        try:
            while (part := await _next(parts, ends_at)) is not None:
                yield _message("parts", part)
            if not closing.is_set():
                yield _message("end", "")
        finally:
            streams.discard(parts)
            await parts.aclose()

    response = Response(messages(), content_type="text/event-stream", headers={"Cache-Control": "no-store"})
    response.timeout = None
    return response


async def _next(parts: AsyncGenerator[str, None], ends_at: float | None) -> str | None:
    """The next part; None where there is none, or none before `ends_at` (seconds since 1970)."""
    try:
        async with asyncio.timeout(None if ends_at is None else ends_at - time.time()):
            return await anext(parts, None)
    except TimeoutError:
        return None


def _message(name: str, data: str) -> bytes:
    lines = "\n".join(f"data: {line}" for line in _LINE_END.split(data))
    return f"event: {name}\n{lines}\n\n".encode()
