"""Pages of a worker: /healthz, /readyz and /metrics."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Protocol

import faust
from aiohttp.typedefs import Handler, Middleware
from aiohttp.web import Request, Response, StreamResponse, middleware
from faust import web
from prometheus_client import CollectorRegistry

from pipeline.core.errors import QueueUnavailable, StoreUnavailable
from pipeline.serving.origins import absolute_target, host_name, is_foreign, is_loopback, is_navigation
from pipeline.telemetry import metrics

_ANSWER_S = 1.5
"""Who asks whether a worker is ready waits for 2 s: a store that hangs is to be named before that."""


class Needed(Protocol):
    """What a worker can't work without."""

    name: str

    async def ping(self) -> None:
        """Raises StoreUnavailable or QueueUnavailable where it is away."""
        ...


def add_pages(
    app: faust.App, needed: Sequence[Needed], suspicion: Callable[[], str | None], registry: CollectorRegistry
) -> None:
    """Give `app` its pages; `suspicion` gives the reason why the process is probably stuck, if it is."""
    app.web.web_app.middlewares.extend([guard(app.conf.web_bind), _answer_head])

    @app.page("/healthz")  # type: ignore[untyped-decorator]
    async def healthz(view: web.View, _request: web.Request) -> web.Response:
        if reason := suspicion():
            return view.json({"status": "stuck", "reason": reason}, status=503)
        return view.json({"status": "ok"})

    @app.page("/readyz")  # type: ignore[untyped-decorator]
    async def readyz(view: web.View, _request: web.Request) -> web.Response:
        if faults := await missing(needed):
            return view.json({"status": "not ready", "missing": faults}, status=503)
        return view.json({"status": "ready"})

    @app.page("/metrics")  # type: ignore[untyped-decorator]
    async def metrics_page(view: web.View, request: web.Request) -> web.Response:
        body, content_type = metrics.exposition(registry, request.headers.get("accept"))
        return view.bytes(body, headers={"Content-Type": content_type})


def guard(web_host: str) -> Middleware:
    """A middleware that answers 403 to other sites' pages, and 421 to a foreign Host.

    On another address than loopback any Host will do: what other machines call this one is not known here.
    """
    has_own_names = is_loopback(web_host)

    @middleware
    async def refuse(request: Request, handler: Handler) -> StreamResponse:
        headers = {name.lower(): value for name, value in request.headers.items()}
        if target := absolute_target(request.raw_path.encode(errors="surrogateescape")):
            headers["host"] = target[0].decode(errors="replace")
        if has_own_names and not is_loopback(host_name(headers.get("host", ""))):
            return Response(status=421, text="this worker answers to localhost and 127.0.0.1 alone\n")
        if is_foreign(headers) and not is_navigation(request.method, headers):
            return Response(status=403, text="this worker answers programs, not other sites' pages\n")
        return await handler(request)

    return refuse


@middleware
async def _answer_head(request: Request, handler: Handler) -> StreamResponse:
    """HEAD as GET: Faust's views know no HEAD. aiohttp leaves out the content of the answer."""
    return await handler(request.clone(method="GET") if request.method == "HEAD" else request)


async def missing(needed: Sequence[Needed]) -> list[str]:
    """Why each of `needed` that is away is, all asked at the same time."""
    return [why for why in await asyncio.gather(*map(_fault, needed)) if why]


async def _fault(needed: Needed) -> str | None:
    try:
        async with asyncio.timeout(_ANSWER_S):
            await needed.ping()
    except (StoreUnavailable, QueueUnavailable) as error:
        return str(error)
    except TimeoutError:
        return f"{needed.name}: no answer within {_ANSWER_S:g} s"
    return None
