"""The time of every request that a Quart app answers."""

import time

from quart import Quart, Response, g, request

from pipeline.telemetry.histogram import Histogram

_METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"))
_AT_START = ("200", "500", "503")


def measure(app: Quart, seconds: Histogram) -> None:
    """Have `seconds` observe each request of `app` by method, route (a template, never a path) and status."""

    @app.before_serving
    async def make_series() -> None:
        for rule in app.url_map.iter_rules():
            for method in {"GET", "POST"} & (rule.methods or set()):
                for status in _AT_START:
                    seconds.labels(method, rule.rule, status)

    @app.before_request
    async def start() -> None:
        g.started = time.perf_counter()

    @app.after_request
    async def observe(response: Response) -> Response:
        method = request.method if request.method in _METHODS else "_OTHER"
        route = request.url_rule.rule if request.url_rule else ""
        seconds.labels(method, route, str(response.status_code)).observe(time.perf_counter() - g.started)
        return response
