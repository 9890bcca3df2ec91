"""The resources of the Quart app: what operators ask for."""

from quart import Blueprint, Response

from gateway.answers import Answer
from gateway.readiness import Readiness
from pipeline import metrics, problems
from pipeline.metrics import GatewayMetrics


def operations(readiness: Readiness, gateway_metrics: GatewayMetrics) -> Blueprint:
    """`/healthz`, `/readyz` and `/metrics`."""
    blueprint = Blueprint("operations", __name__)

    @blueprint.get("/healthz")
    async def healthz() -> Response:
        return response(Answer(200, {"status": "alive"}, media_type="application/json"))

    @blueprint.get("/readyz")
    async def readyz() -> Response:
        if readiness.is_stopping:
            return response(_not_ready("the process is stopping: ask another one"))
        faults = await readiness.faults()
        legs = {leg: "unreachable" if fault else "reachable" for leg, fault in faults.items()}
        if missing := [leg for leg, fault in faults.items() if fault]:
            return response(_not_ready(f"cannot reach {' and '.join(missing)}: it connects by itself", legs=legs))
        return response(Answer(200, {"status": "ready", "legs": legs}, media_type="application/json"))

    @blueprint.get("/metrics")
    async def exposition() -> Response:
        return Response(gateway_metrics.exposition(), content_type=metrics.CONTENT_TYPE)

    return blueprint


def response(answer: Answer) -> Response:
    """The answer as Quart sends it."""
    return Response(answer.body, answer.status, answer.headers, content_type=answer.media_type)


def _not_ready(detail: str, **members: dict[str, str]) -> Answer:
    content = problems.problem(503, "not-ready", detail, **members)
    return Answer(503, content, headers={"retry-after": "1"})
