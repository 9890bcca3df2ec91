"""Liveness, readiness and metrics of the process."""

from quart import Blueprint, Response, request

from pipeline.telemetry import metrics
from web.context import current

blueprint = Blueprint("health", __name__)


@blueprint.get("/healthz")
async def healthz() -> dict[str, str]:
    """Alive."""
    return {"status": "alive"}


@blueprint.get("/readyz")
async def readyz() -> dict[str, str]:
    """Can serve pages.

    A gateway or a query that is down does not count: the pages say so where it
    matters, and that helps more than no page at all.
    """
    return {"status": "ready"}


@blueprint.get("/metrics")
async def exposition() -> Response:
    """What Prometheus scrapes."""
    body, content_type = metrics.exposition(current().registry, request.headers.get("accept"))
    return Response(body, content_type=content_type)
