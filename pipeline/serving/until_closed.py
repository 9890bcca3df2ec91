"""Answers to clients of HTTP/1.0, which know no chunked coding."""

from typing import Any

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle


class UntilClosed:
    """Sends an answer to a client of HTTP/1.0: without a length it ends with the connection.

    uvicorn sends such an answer chunked to any client, which a server must not do (RFC 9112, section 6.1).
    """

    def __init__(self, cycle: RequestResponseCycle) -> None:
        self._cycle = cycle
        self._has_length = True

    async def __call__(self, message: Any) -> None:
        """The cycle's `send`."""
        if message["type"] == "http.response.start":
            self._has_length = any(name.lower() == b"content-length" for name, _ in message.get("headers", ()))
            if not self._has_length:
                self._cycle.chunked_encoding = False
        elif not self._has_length:
            self._cycle.expected_content_length = len(message.get("body", b""))  # of this piece: the cycle compares it
        await RequestResponseCycle.send(self._cycle, message)
