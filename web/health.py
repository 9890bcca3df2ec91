"""Whether the process lives and can serve."""

from quart import Blueprint

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
