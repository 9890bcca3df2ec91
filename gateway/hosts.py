"""Which names a gateway answers to: without keys, this machine's own alone.

A site can have its name lead to a loopback address (DNS rebinding), and its pages would then
publish here as if they came from here. With keys any name will do: no page knows a key.
"""

from functools import lru_cache
from ipaddress import ip_address
from urllib.parse import urlsplit

from hypercorn.typing import ASGIFramework, ASGIReceiveCallable, ASGISendCallable, Scope

from gateway import answers
from gateway.answers import Answer
from pipeline.metrics import GatewayMetrics


class Hosts:
    """Answers 400 to a request without one Host (RFC 9112, section 3.2), and 421 to a foreign one."""

    def __init__(self, app: ASGIFramework, metrics: GatewayMetrics, *, are_all_welcome: bool) -> None:
        self._app = app
        self._metrics = metrics
        self._are_all_welcome = are_all_welcome

    async def __call__(self, scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        """An ASGI application."""
        if scope["type"] == "http":
            hosts = [value for name, value in scope["headers"] if name == b"host"]
            if len(hosts) != 1 and (hosts or scope["http_version"] != "1.0"):
                await self._refuse(answers.no_host(), send)
                return
            if hosts and not self._are_all_welcome and not is_loopback(hosts[0]):
                await self._refuse(answers.foreign_host(), send)
                return
        await self._app(scope, receive, send)

    async def _refuse(self, answer: Answer, send: ASGISendCallable) -> None:
        self._metrics.rejected[str(answer.reason)].inc()
        await answers.send_answer(answer, send)


@lru_cache(maxsize=64)
def is_loopback(host: bytes) -> bool:
    """Whether the value of a Host header names this machine, with or without a port."""
    try:
        name = urlsplit(f"//{host.decode('latin-1')}").hostname or ""
        return name == "localhost" or ip_address(name).is_loopback
    except ValueError:
        return False
