"""What a worker tells of itself: /healthz, /readyz and /metrics."""

from collections.abc import Callable, Sequence
from typing import Protocol

import faust
from faust import web
from prometheus_client import CollectorRegistry

from pipeline import metrics
from pipeline.errors import QueueUnavailable, StoreUnavailable


class Needed(Protocol):
    """What a worker can't work without."""

    async def ping(self) -> None:
        """Raises StoreUnavailable or QueueUnavailable where it is away."""
        ...


def add_pages(
    app: faust.App, needed: Sequence[Needed], suspicion: Callable[[], str | None], registry: CollectorRegistry
) -> None:
    """Give `app` its pages; `suspicion` tells why the process is probably stuck, where it is."""

    @app.page("/healthz")  # type: ignore[untyped-decorator]
    async def healthz(view: web.View, _request: web.Request) -> web.Response:
        if reason := suspicion():
            return view.json({"status": "stuck", "reason": reason}, status=503)
        return view.json({"status": "ok"})

    @app.page("/readyz")  # type: ignore[untyped-decorator]
    async def readyz(view: web.View, _request: web.Request) -> web.Response:
        missing = [why for each in needed if (why := await _missing(each))]
        if missing:
            return view.json({"status": "not ready", "missing": missing}, status=503)
        return view.json({"status": "ready"})

    @app.page("/metrics")  # type: ignore[untyped-decorator]
    async def metrics_page(view: web.View, request: web.Request) -> web.Response:
        body, content_type = metrics.exposition(registry, request.headers.get("accept"))
        return view.bytes(body, headers={"Content-Type": content_type})


async def _missing(needed: Needed) -> str | None:
    try:
        await needed.ping()
    except (StoreUnavailable, QueueUnavailable) as error:
        return str(error)
    return None
