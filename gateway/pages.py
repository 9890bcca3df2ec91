"""The resources of the Quart app: what operators ask for."""

from urllib.parse import quote

from quart import Blueprint, Response, request

from gateway.answers import Answer
from gateway.formats.schemas import Schemas
from gateway.legs.readiness import Readiness
from pipeline.core import problems
from pipeline.telemetry import metrics
from pipeline.telemetry.metrics import GatewayMetrics


def operations(readiness: Readiness, gateway_metrics: GatewayMetrics) -> Blueprint:
    """`/healthz`, `/readyz` and `/metrics`."""
    blueprint = Blueprint("operations", __name__)

    @blueprint.get("/healthz")
    async def healthz() -> Response:
        return response(Answer(200, {"status": "alive"}, media_type="application/json"))

    @blueprint.get("/readyz")
    async def readyz() -> Response:
        if readiness.is_stopping:
            return response(_not_ready("the process is stopping: use another one"))
        faults = await readiness.faults()
        legs = {leg: "unreachable" if fault else "reachable" for leg, fault in faults.items()}
        missing = [leg for leg, fault in faults.items() if fault]
        if not readiness.is_ready(missing):
            return response(_not_ready(f"cannot reach {' and '.join(missing)}: it connects by itself", legs=legs))
        status = "degraded" if missing else "ready"
        return response(Answer(200, {"status": status, "legs": legs}, media_type="application/json"))

    @blueprint.get("/metrics")
    async def exposition() -> Response:
        body, content_type = metrics.exposition(gateway_metrics.registry, request.headers.get("accept"))
        return Response(body, content_type=content_type)

    return blueprint


def schemas(known: Schemas) -> Blueprint:
    """`/schemas` and `/schemas/{type}`."""
    blueprint = Blueprint("schemas", __name__)

    @blueprint.get("/schemas")
    async def every() -> Response:
        listed = [{"type": type_, "href": f"/schemas/{quote(type_, safe='')}"} for type_ in known.documents]
        return response(Answer(200, {"schemas": listed}, media_type="application/json"))

    @blueprint.get("/schemas/<path:type_>")
    async def one(type_: str) -> Response:
        if type_ not in known.documents:
            detail = f"the type {type_!r} has no schema: GET /schemas lists those that have"
            return response(Answer(404, problems.problem(404, "not-found", detail)))
        return response(Answer(200, known.documents[type_], media_type="application/schema+json"))

    return blueprint


def response(answer: Answer) -> Response:
    """The answer as Quart sends it."""
    return Response(answer.body, answer.status, answer.headers, content_type=answer.media_type)


def _not_ready(detail: str, **members: dict[str, str]) -> Answer:
    content = problems.problem(503, "not-ready", detail, **members)
    return Answer(503, content, headers={"retry-after": "1"})
