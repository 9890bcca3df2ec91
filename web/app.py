"""The app of the pages: what it is made of, on one page."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager

import httpx
from jinja2 import StrictUndefined
from prometheus_client import CollectorRegistry
from quart import Quart

from operations.connections import Connections
from operations.http_api import HttpApi, http_client, key_headers
from pipeline.core.settings.web import WebSettings
from pipeline.events.event import MAX_EVENT_BYTES
from pipeline.telemetry import metrics
from pipeline.telemetry.http_metrics import measure
from web.context import Web
from web.edges import Edges
from web.events import event, listing
from web.login import access, sessions
from web.login.openid import Provider
from web.operating import dead_letters, number_filters, overview, redrive_pages
from web.operating.backlogs import Backlogs
from web.operating.dead_letter_service import DeadLetterService
from web.operating.metrics import BacklogMetrics, Refusals
from web.operating.services import Services
from web.operating.watch import Watch
from web.publishing import many, publish
from web.publishing.suggestions import Suggestions
from web.site import error_pages, health, language_switch, languages, protection, template_filters
from web.site.live import MAX_STREAMS

_MAX_FORM_BYTES = 8 * MAX_EVENT_BYTES
"""Both ways of writing an event stand in one form, and percent-encoding makes three bytes of one."""


def create_app(settings: WebSettings) -> Quart:
    """The pages for one gateway and one query; the connections are made when it starts to serve.

    Its `context.Web.closing` is to be set when it stops: it ends what is followed.
    Raises SettingsError where `settings` would let anyone in, or their key can't stand in a header.
    """
    key_headers(settings)  # a key that no header takes is a wrong setting, said before anything starts
    app = Quart(__name__)
    app.config.update(MAX_CONTENT_LENGTH=_MAX_FORM_BYTES)
    app.jinja_options = {"undefined": StrictUndefined, "trim_blocks": True, "lstrip_blocks": True}

    registry = metrics.new_registry()
    web = Web(settings=settings, registry=registry, refusals=Refusals(registry))
    web.install(app)
    measure(app, metrics.request_seconds(registry))
    backlogs = _backlogs(settings, registry)
    languages.install(app)
    template_filters.install(app)
    number_filters.install(app)
    protection.install(app, settings)
    access.install(app, settings)
    if settings.login:
        sessions.install(app, settings.login, settings.health.web_url)
    error_pages.install(app)
    for part in (
        publish,
        many,
        listing,
        event,
        overview,
        dead_letters,
        redrive_pages,
        sessions,
        language_switch,
        health,
    ):
        app.register_blueprint(part.blueprint)

    @app.while_serving
    async def connections() -> AsyncGenerator[None, None]:
        async with http_client(settings.timeout_s) as client, http_client(settings.timeout_s, MAX_STREAMS) as streaming:
            api, streams = HttpApi(client, settings), HttpApi(streaming, settings)
            web.edges = Edges(client, api, streams, settings)
            web.suggestions = Suggestions(web.edges.types)
            web.provider = _provider(client, settings)
            web.watch = Watch(Services(client, web.edges, settings), backlogs, settings)
            async with _operating(web):
                yield

    return app


def _backlogs(settings: WebSettings, registry: CollectorRegistry) -> Backlogs | None:
    """What reads the queues and the topic that `settings` name, and has `registry` tell what waits there."""
    if not settings.queues:
        return None
    kafka = settings.queues.kafka
    return Backlogs(Connections(settings.queues), BacklogMetrics(kafka.topic, kafka.pending_topic, registry))


@asynccontextmanager
async def _operating(web: Web) -> AsyncIterator[None]:
    """The watch over the pipeline, and the desk at which its dead letters are dealt with."""
    queues = web.settings.queues
    web.desk = DeadLetterService(Connections(queues), web.watch.look_anew) if queues else None
    async with web.watch.running():
        try:
            yield
        finally:
            if web.desk:
                await web.desk.close()


def _provider(client: httpx.AsyncClient, settings: WebSettings) -> Provider | None:
    if not settings.login:
        return None
    return Provider(client, settings.login, settings.health.web_url.rstrip("/") + sessions.CALLBACK)
