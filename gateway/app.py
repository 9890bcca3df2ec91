"""The gateway's Quart app."""

import time
from collections.abc import AsyncGenerator

from quart import Quart, Response, g, request
from werkzeug.exceptions import HTTPException

from gateway import pages
from gateway.answers import Answer
from gateway.edge import MAX_REQUEST_BYTES, Edge
from gateway.fan_out import FanOut
from gateway.kafka_leg import KafkaLeg
from gateway.readiness import Readiness
from gateway.sns_leg import SnsLeg
from pipeline import problems
from pipeline.metrics import GatewayMetrics
from pipeline.settings import GatewaySettings

READINESS = "gateway.readiness"
"""Key in `app.extensions`: what runs the app tells it when the process is about to stop."""

_BODY_TIMEOUT_S = 30
_METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"))
_ADVICE = {
    404: "nothing is at this address: events go to POST /events",
    405: "this address doesn't know the method: `Allow` names those it does",
    408: "the body did not arrive in time: send the request again",
    500: "a fault of the gateway, which its log describes: sending again with the same id is safe",
}


def create_app(settings: GatewaySettings) -> Quart:
    """The app; it connects to the legs when it is served, and in the background."""
    metrics = GatewayMetrics()
    legs = (SnsLeg(settings.topic_arn, settings.leg_timeout_s), KafkaLeg(settings.kafka, settings.leg_timeout_s))
    fan_out = FanOut(legs, settings.leg_timeout_s, metrics)
    readiness = Readiness(fan_out)

    app = Quart(__name__, static_folder=None)
    app.config.update(MAX_CONTENT_LENGTH=MAX_REQUEST_BYTES, BODY_TIMEOUT=_BODY_TIMEOUT_S)
    app.extensions[READINESS] = readiness
    app.register_blueprint(pages.events(Edge(fan_out, settings.source, metrics)))
    app.register_blueprint(pages.operations(readiness, metrics))
    app.register_error_handler(HTTPException, _http_problem)
    _measure(app, metrics)

    @app.while_serving
    async def connected() -> AsyncGenerator[None, None]:
        async with fan_out:
            yield

    return app


async def _http_problem(error: HTTPException) -> Response:
    status = error.code or 500
    kind = error.name.lower().replace(" ", "-")
    content = problems.problem(status, kind, _ADVICE.get(status, error.description or ""))
    headers = {name: value for name, value in error.get_headers() if name == "Allow"}
    if status == 408:
        headers["connection"] = "close"  # the rest of the body would be read to no end
    return pages.response(Answer(status, content, headers=headers))


def _measure(app: Quart, metrics: GatewayMetrics) -> None:
    for status in ("202", "400", "413", "415", "422", "500", "503"):
        metrics.request_seconds.labels("POST", "/events", status)

    @app.before_request
    async def start() -> None:
        g.started = time.perf_counter()

    @app.after_request
    async def observe(response: Response) -> Response:
        method = request.method if request.method in _METHODS else "_OTHER"
        route = request.url_rule.rule if request.url_rule else ""
        seconds = time.perf_counter() - g.started
        metrics.request_seconds.labels(method, route, str(response.status_code)).observe(seconds)
        return response
