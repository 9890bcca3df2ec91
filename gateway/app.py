"""The gateway's app: Quart, with a plain ASGI function before it that takes the events."""

from collections.abc import AsyncGenerator

from quart import Quart, Response
from werkzeug.exceptions import HTTPException

from gateway import pages
from gateway.acceptance import Acceptor, Admission, Publishing
from gateway.access import Access
from gateway.addresses import Addresses
from gateway.admission import InFlightLimit
from gateway.answers import Answer
from gateway.events_endpoint import EventsEndpoint
from gateway.formats import schemas
from gateway.hosts import Hosts
from gateway.journey_stream import JourneyStreams
from gateway.journeys import Journeys
from gateway.legs.fan_out import FanOut
from gateway.legs.kafka_leg import KafkaLeg
from gateway.legs.readiness import Readiness
from gateway.legs.sns_leg import SnsLeg
from gateway.reference import reference
from gateway.sampling import Sampler
from gateway.waits import Waits
from pipeline.core import problems
from pipeline.core.settings.gateway import GatewaySettings
from pipeline.telemetry.http_metrics import measure
from pipeline.telemetry.metrics import GatewayMetrics
from pipeline.telemetry.tracing import Tracing

READINESS = "gateway.readiness"
"""Key in `app.extensions`: whoever runs the app calls it when the process is about to stop."""

ACCESS = "gateway.access"
"""Key in `app.extensions`: what runs the app has it read the keys again."""

ADDRESSES = "gateway.addresses"
"""Key in `app.extensions`: what runs the app ends waits and journeys when the process is about to stop."""

METRICS = "gateway.metrics"
"""Key in `app.extensions`: what runs the app counts in them what it refuses before the app sees it."""

_ADVICE = {
    404: "not found: publish events with POST /events",
    405: "method not allowed: `Allow` lists the allowed ones",
    500: "internal error, described in the gateway's log",
}


def create_app(settings: GatewaySettings) -> Quart:
    """The app; it connects to the legs when it is served, and in the background.

    Raises SettingsError where what the settings name won't do.
    """
    metrics = GatewayMetrics()
    tracing = Tracing("gateway", settings.trace)
    fan_out = _fan_out(settings, metrics, tracing)
    addresses = Addresses(settings.kafka)
    waits = Waits(addresses, metrics)
    journeys = Journeys(settings.kafka, addresses, metrics)
    readiness, access = Readiness(fan_out, connecting_s=settings.leg_timeout_s), Access(settings)
    known = schemas.read(settings.schemas_dir, settings.unknown_types)

    app = Quart(__name__, static_folder=None)
    app.extensions |= {READINESS: readiness, ACCESS: access, ADDRESSES: addresses, METRICS: metrics}
    app.register_blueprint(pages.operations(readiness, metrics))
    app.register_blueprint(pages.schemas(known))
    app.register_blueprint(reference())
    app.register_error_handler(HTTPException, _http_problem)
    measure(app, metrics.request_seconds)
    admission = Admission(access, InFlightLimit(settings.max_events, settings.max_bytes))
    sampler = Sampler(tracing, settings)
    acceptor = Acceptor(Publishing(fan_out, waits), admission, settings.source, known.faults, sampler, metrics)
    endpoint = EventsEndpoint(JourneyStreams(app.asgi_app, journeys, access, metrics), acceptor, metrics)
    app.asgi_app = Hosts(endpoint, metrics, are_all_welcome=bool(settings.keys_file))  # type: ignore[method-assign]

    @app.while_serving
    async def connected() -> AsyncGenerator[None, None]:
        try:
            async with fan_out:
                yield
        finally:
            await addresses.close()
            await journeys.close()
            await tracing.close()

    return app


def _fan_out(settings: GatewaySettings, metrics: GatewayMetrics, tracing: Tracing) -> FanOut:
    timeout_s, calls = settings.leg_timeout_s, metrics.calls
    legs = (
        SnsLeg(settings.topic_arn, timeout_s, tracing, calls.sns(settings.topic_arn)),
        KafkaLeg(settings.kafka, timeout_s, tracing, calls.kafka(settings.kafka.topic)),
    )
    return FanOut(legs, timeout_s, metrics, accepts_degraded=settings.degraded == "accept")


async def _http_problem(error: HTTPException) -> Response:
    status = error.code or 500
    kind = error.name.lower().replace(" ", "-")
    content = problems.problem(status, kind, _ADVICE.get(status, error.description or ""))
    headers = {name: value for name, value in error.get_headers() if name == "Allow"}
    return pages.response(Answer(status, content, headers=headers))
