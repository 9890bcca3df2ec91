"""A connection to a service of AWS: a POST and its answer, one after the other (HTTP/1.1, RFC 9112).

`http.client` takes as much CPU for a call as all else in it: it looks through our own headers
with regular expressions, and reads the answer's with the parser of e-mail. A TLS context, which
it makes for each connection, takes longer than a call.
"""

import socket
import ssl
from collections.abc import Mapping
from functools import cache
from io import BufferedReader
from urllib.parse import urlsplit

_LONGEST_LINE = 65_536


class HttpConnection:
    """Connects at the first request, and once more after `close`. Each method may raise OSError.

    ConnectionError is raised where the other end has closed: a new connection may help.
    """

    def __init__(self, url: str, timeout_s: float) -> None:
        """To the service at `url`; `timeout_s` is the longest silence."""
        address = urlsplit(url)
        self._is_secure = address.scheme == "https"
        self._host = address.hostname or ""
        self._port = address.port or (443 if self._is_secure else 80)
        self._path = address.path or "/"
        self._timeout_s = timeout_s
        self._open: tuple[socket.socket, BufferedReader] | None = None

    def send(self, headers: Mapping[str, str], content: bytes) -> None:
        """Send a POST; `headers` say all but its length."""
        lines = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
        head = f"POST {self._path} HTTP/1.1\r\n{lines}content-length: {len(content)}\r\n\r\n"
        connected, _ = self._open = self._open or self._connect()
        connected.sendall(head.encode("ascii") + content)

    def receive(self) -> tuple[int, bytes]:
        """The status and the content of the answer to what was sent."""
        if not self._open:
            raise ConnectionResetError("nothing was sent")
        _, answers = self._open
        try:
            status = int(_line(answers).split()[1])
            length = _content_length(answers)
        except (ValueError, IndexError):
            raise OSError("the answer is not HTTP/1.1, or has no content-length") from None
        content = answers.read(length)
        if len(content) < length:
            raise ConnectionResetError("the answer was cut")
        return status, content

    def close(self) -> None:
        """Close it, whatever is still to come."""
        if self._open:
            connected, answers = self._open
            self._open = None
            answers.close()
            connected.close()

    def _connect(self) -> tuple[socket.socket, BufferedReader]:
        connected = socket.create_connection((self._host, self._port), self._timeout_s)
        try:
            connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._is_secure:
                connected = _tls().wrap_socket(connected, server_hostname=self._host)
            return connected, connected.makefile("rb")
        except BaseException:
            connected.close()
            raise


def _content_length(answers: BufferedReader) -> int:
    """What the headers say of it. Raises ValueError where none does."""
    length = b""
    while header := _line(answers):
        name, _, value = header.partition(b":")
        if name.lower() == b"content-length":
            length = value
    return int(length)


def _line(answers: BufferedReader) -> bytes:
    line = answers.readline(_LONGEST_LINE)
    if not line.endswith(b"\n"):
        raise ConnectionResetError("the other end has closed the connection")
    return line.rstrip()


@cache
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()
