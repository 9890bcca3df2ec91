"""Host and origin checks: programs and own pages are answered, under this machine's own names.

Every page that a browser shows may send requests here; what it sends says where it is from. A site can also
have its name lead to a loopback address (DNS rebinding), and its pages would then publish here as if they came
from here. With keys any name will do: no page knows a key.
"""

from functools import lru_cache

from hypercorn.typing import ASGIFramework, ASGIReceiveCallable, ASGISendCallable, HTTPScope, Scope

from gateway import answers
from gateway.answers import Answer
from pipeline.serving import origins
from pipeline.telemetry.metrics import GatewayMetrics

_TELLING = (b"origin", b"sec-fetch-site")


class Hosts:
    """Answers 400 to a request without one Host (RFC 9112, section 3.2), 421 to a foreign one.

    To the page of another site it answers 403.
    """

    def __init__(self, app: ASGIFramework, metrics: GatewayMetrics, *, are_all_welcome: bool) -> None:
        self._app = app
        self._metrics = metrics
        self._are_all_welcome = are_all_welcome

    async def __call__(self, scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        """An ASGI application."""
        if scope["type"] == "http" and (refused := self._refused(scope)):
            self._metrics.count_rejected(str(refused.reason))
            await answers.send_answer(refused, send)
            return
        await self._app(scope, receive, send)

    def _refused(self, scope: HTTPScope) -> Answer | None:
        hosts = [value for name, value in scope["headers"] if name == b"host"]
        if len(hosts) != 1 and (hosts or scope["http_version"] != "1.0"):
            return answers.no_host()
        if hosts and not self._are_all_welcome and not is_loopback(hosts[0]):
            return answers.foreign_host()
        if any(name in _TELLING for name, _ in scope["headers"]) and _is_foreign(scope):
            return answers.foreign_site()
        return None


@lru_cache(maxsize=64)
def is_loopback(host: bytes) -> bool:
    """Whether the value of a Host header names this machine, with or without a port."""
    return origins.is_loopback(origins.host_name(host.decode("latin-1")))


def _is_foreign(scope: HTTPScope) -> bool:
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    return origins.is_foreign(headers) and not origins.is_navigation(scope["method"], headers)
