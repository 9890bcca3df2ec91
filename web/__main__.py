"""`python -m web`: the pages, served by uvicorn."""

import asyncio
import signal
import socket
import sys
from contextlib import suppress

import structlog
import uvicorn

from pipeline.core.errors import SettingsError
from pipeline.core.settings import read
from pipeline.core.settings.web import WebSettings
from pipeline.serving import http_protocol
from pipeline.telemetry import logs
from web import context
from web.app import create_app

_STOP_TIMEOUT_S = 5
_RECEIVED_BYTES = 24 * 1024**2
"""Memory for requests that have no answer yet."""

_log = structlog.get_logger("web")


class Server(uvicorn.Server):
    """Lets go of the journeys that browsers follow when it stops: uvicorn would wait for their end."""

    def __init__(self, config: uvicorn.Config, closing: asyncio.Event) -> None:
        super().__init__(config)
        self._closing = closing

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop, once what is in flight is answered."""
        self._closing.set()
        await super().shutdown(sockets)


def main() -> None:
    """Serve until SIGTERM or SIGINT; ends with a message where a setting is missing or wrong."""
    try:
        settings = read(WebSettings)
        app = create_app(settings)
        web = context.of(app)
    except SettingsError as error:
        sys.exit(f"web: {error}")
    # uvicorn raises the signal again once it has stopped: the process ends in order, with 0.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    logs.configure("web", settings.log)
    if not settings.login and settings.guard == "none":
        _log.warning("no login: anyone on this machine can publish and operate", host=settings.host, port=settings.port)
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        loop="uvloop",
        http=http_protocol.bounded(_RECEIVED_BYTES, web.refusals.count),
        ws="none",
        log_config=logs.logging_config("web", settings.log),
        access_log=False,
        server_header=False,
        timeout_keep_alive=http_protocol.KEEP_ALIVE_S,
        timeout_graceful_shutdown=_STOP_TIMEOUT_S,
    )
    server = Server(config, web.closing)
    with suppress(KeyboardInterrupt):  # Ctrl-C, which uvicorn raises again once all is stopped
        server.run()
    if not server.started:
        sys.exit("web: it could not start")


if __name__ == "__main__":
    main()
