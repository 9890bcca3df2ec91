"""`python -m gateway`: service A on uvicorn."""

import asyncio
import gc
import signal
import socket
import sys
from contextlib import suppress
from types import FrameType

import structlog
import uvicorn
from aiokafka.errors import KafkaConnectionError
from quart import Quart

from gateway.addresses import Addresses
from gateway.app import ACCESS, ADDRESSES, METRICS, READINESS, create_app
from gateway.legs.readiness import Readiness
from pipeline.clients import kafka_access
from pipeline.core.errors import AccessRefused, SettingsError
from pipeline.core.settings import read
from pipeline.core.settings.gateway import GatewaySettings
from pipeline.core.settings.kafka import KafkaSettings
from pipeline.serving import http_protocol
from pipeline.serving.origins import is_loopback
from pipeline.telemetry import logs

_BACKLOG = 2048
_HEADS_BYTES = 8 * 1024**2
"""Memory for heads that are being received, beside the bodies that the settings bound."""

_YOUNG_OBJECTS = 10_000
"""Allocations between two garbage collections: reference counts free what a request leaves."""
_log = structlog.get_logger("gateway")


class GatewayServer(uvicorn.Server):
    """A server that reports not ready once it is asked to stop, and serves on for `drain_s`."""

    def __init__(self, config: uvicorn.Config, readiness: Readiness, addresses: Addresses, drain_s: float) -> None:
        super().__init__(config)
        self._readiness = readiness
        self._addresses = addresses
        self._drain_s = drain_s
        self._loop: asyncio.AbstractEventLoop

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        """Serve until a signal."""
        self._loop = asyncio.get_running_loop()
        await super().serve(sockets)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start the app and listen."""
        await super().startup(sockets)
        # What is there now stays: every full collection would look at all of it again, for some 30 ms.
        gc.collect()
        gc.freeze()
        gc.set_threshold(_YOUNG_OBJECTS)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """A signal to stop; a second one stops at once."""
        is_first = not self._readiness.is_stopping
        self._readiness.stop()
        self._loop.call_soon_threadsafe(self._addresses.stop)
        if is_first and self._drain_s:
            later = (self._drain_s, super().handle_exit, sig, frame)
            self._loop.call_soon_threadsafe(self._loop.call_later, *later)
        else:
            super().handle_exit(sig, frame)


def main() -> None:
    """Serve until SIGTERM or SIGINT; requests in flight are finished first."""
    try:
        settings = read(GatewaySettings)
        if not settings.keys_file:
            require_loopback(settings.host)
        app = create_app(settings)
        asyncio.run(_require_kafka(settings.kafka))
    except (SettingsError, AccessRefused) as error:
        sys.exit(f"gateway: {error}")
    # uvicorn raises the signal again once it has stopped: the process ends in order, with 0.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    logs.configure("gateway", settings.log)
    if not settings.keys_file:
        _log.warning("no keys: anyone on this machine can publish", host=settings.host, port=settings.port)
    signal.signal(signal.SIGHUP, lambda *_: app.extensions[ACCESS].reload())
    _serve(app, settings)


async def _require_kafka(settings: KafkaSettings) -> None:
    """Raise AccessRefused where Kafka is there and refuses the gateway; one that is away is waited for, serving."""
    if settings.security_protocol == "PLAINTEXT":
        return
    with suppress(KafkaConnectionError):
        await kafka_access.require(settings, topics=[settings.topic])


def require_loopback(host: str) -> None:
    """Raise SettingsError where `host` can be reached from another machine: there are no keys."""
    if not is_loopback(host):
        raise SettingsError(
            f"MENSAGERIA_GATEWAY_HOST is {host!r}, and without keys the gateway listens on a loopback address only: "
            "set it to 127.0.0.1, or name a file of keys in MENSAGERIA_GATEWAY_KEYS_FILE"
        )


def _serve(app: Quart, settings: GatewaySettings) -> None:
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        loop="uvloop",
        http=http_protocol.bounded(settings.max_bytes + _HEADS_BYTES, app.extensions[METRICS].count_rejected),
        ws="none",
        log_config=logs.logging_config("gateway", settings.log),
        access_log=False,
        server_header=False,
        proxy_headers=False,
        backlog=_BACKLOG,
        timeout_keep_alive=http_protocol.KEEP_ALIVE_S,
        timeout_graceful_shutdown=settings.stop_timeout_s,
    )
    server = GatewayServer(config, app.extensions[READINESS], app.extensions[ADDRESSES], settings.drain_s)
    server.run()
    if not server.started:
        sys.exit(1)


if __name__ == "__main__":
    main()
