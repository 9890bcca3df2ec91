"""The ports that a system listens on, all on 127.0.0.1."""

import random
import shutil
import socket
from dataclasses import MISSING, dataclass, fields

from pipeline.core.settings.stack import StackSettings
from stack.errors import StackError

HOST = "127.0.0.1"
JAEGER = "jaeger"
"""The program whose presence decides whether traces are taken."""
_RANGE = range(20_000, 32_000)  # below where systems take ports for outgoing connections


@dataclass(frozen=True, kw_only=True)
class Ports:
    """One port for each part that listens; None where a part is not started."""

    gateway: int
    web: int
    service_b: int
    service_c: int
    kafka: int
    kafka_controller: int
    postgres: int
    aws: int
    dynamodb: int
    prometheus: int | None = None
    jaeger: int | None = None
    jaeger_otlp: int | None = None


def choose(settings: StackSettings) -> Ports:
    """The ports of the settings, or free ones where those are asked for.

    Raises StackError, which names every port that is taken.
    """
    names = [item.name for item in fields(Ports) if item.default is MISSING or item.name in _observers(settings)]
    if settings.ports == "free":
        candidates = (port for port in random.sample(_RANGE, len(_RANGE)) if is_free(port))
        return Ports(**dict(zip(names, candidates, strict=False)))
    ports = {name: getattr(settings, f"{name}_port") for name in names}
    taken = [f"{port} ({name.replace('_', '-')})" for name, port in ports.items() if not is_free(port)]
    if taken:
        raise StackError(
            f"taken already on {HOST}: port {', '.join(taken)}. Stop what listens there, choose others"
            " (docs/settings.md), or set MENSAGERIA_PORTS=free"
        )
    return Ports(**ports)


def _observers(settings: StackSettings) -> set[str]:
    """The ports of what watches the system, where that is asked for; Jaeger is started where it is installed."""
    if settings.observe != "1":
        return set()
    return {"prometheus", "jaeger", "jaeger_otlp"} if shutil.which(JAEGER) else {"prometheus"}


def is_free(port: int) -> bool:
    """Whether a server could listen on `port` now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True
