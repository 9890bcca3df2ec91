"""`python -m gateway`: service A on uvicorn."""

import ipaddress
import signal
import sys
from types import FrameType

import structlog
import uvicorn

from gateway.app import READINESS, create_app
from gateway.http_protocol import BoundedHttpProtocol
from gateway.readiness import Readiness
from pipeline import logs
from pipeline.errors import SettingsError
from pipeline.settings import GatewaySettings, read

_KEEP_ALIVE_S = 75
_BACKLOG = 2048
_log = structlog.get_logger("gateway")


class GatewayServer(uvicorn.Server):
    """A server whose app says that it isn't ready from the moment it is told to stop."""

    def __init__(self, config: uvicorn.Config, readiness: Readiness) -> None:
        super().__init__(config)
        self._readiness = readiness

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """A signal to stop."""
        self._readiness.stop()
        super().handle_exit(sig, frame)


def main() -> None:
    """Serve until SIGTERM or SIGINT; requests in flight are finished first."""
    try:
        settings = read(GatewaySettings)
        require_loopback(settings.host)
    except SettingsError as error:
        sys.exit(f"gateway: {error}")
    # uvicorn raises the signal again once it has stopped: the process ends in order, with 0.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    logs.configure("gateway", settings.log)
    _log.warning("no keys: anyone on this machine can publish", host=settings.host, port=settings.port)
    _serve(settings)


def require_loopback(host: str) -> None:
    """Raise SettingsError where `host` can be reached from another machine: there are no keys."""
    try:
        is_loopback = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        is_loopback = False
    if not is_loopback:
        raise SettingsError(
            f"MENSAGERIA_GATEWAY_HOST is {host!r}, and without keys the gateway listens on a loopback address only: "
            "set it to 127.0.0.1"
        )


def _serve(settings: GatewaySettings) -> None:
    app = create_app(settings)
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        loop="uvloop",
        http=BoundedHttpProtocol,
        ws="none",
        log_config=logs.logging_config("gateway", settings.log),
        access_log=False,
        server_header=False,
        proxy_headers=False,
        backlog=_BACKLOG,
        timeout_keep_alive=_KEEP_ALIVE_S,
        timeout_graceful_shutdown=settings.stop_timeout_s,
    )
    server = GatewayServer(config, app.extensions[READINESS])
    server.run()
    if not server.started:
        sys.exit(1)


if __name__ == "__main__":
    main()
