"""The services as the page /pipeline sees them: asked for their health, and for their numbers."""

import asyncio
from dataclasses import dataclass, field
from typing import Literal

import httpx

from operations import readiness
from operations.http_api import EdgeUnavailable, Refused, base_url
from pipeline.core.settings.web import WebSettings
from web.edges import Edges
from web.operating.exposition import NoExposition, Numbers, numbers

Health = Literal["ok", "degraded", "not_ready", "down"]
_TIMEOUT_S = 2.0
_HEALTH: dict[str, Health] = {"ready": "ok", "degraded": "degraded", "not_ready": "not_ready"}
_STORES = ("postgres", "dynamodb")


@dataclass(frozen=True)
class Service:
    """One service: `detail` is what it says itself, in English, or why it could not be asked."""

    name: str
    health: Health
    detail: str = ""


@dataclass(frozen=True)
class Look:
    """What one look at all services found; the numbers are of those that answered."""

    services: tuple[Service, ...]
    numbers: Numbers = field(default_factory=Numbers)


class Services:
    """The services that `settings` name, asked over `http`, and the query behind `edges`."""

    def __init__(self, http: httpx.AsyncClient, edges: Edges, settings: WebSettings) -> None:
        self._http = http
        self._edges = edges
        self._urls = {
            "gateway": base_url(settings.gateway_url),
            "service_b": base_url(settings.health.service_b_url),
            "service_c": base_url(settings.health.service_c_url),
        }

    async def look(self) -> Look:
        """Ask all of them, at the same time; one that does not answer within two seconds is down."""
        asked = [self._service(name, url) for name, url in self._urls.items()]
        *looks, query = await asyncio.gather(*asked, self._query())
        services = [service for look in (*looks, query) for service in look.services]
        return Look(
            (*services[:3], Service("web", "ok"), *services[3:]),
            Numbers(
                {series: value for look in looks for series, value in look.numbers.counters.items()},
                {queue: age for look in looks for queue, age in look.numbers.oldest_ages_s.items()},
            ),
        )

    async def _service(self, name: str, url: str) -> Look:
        try:
            ready, metrics = await asyncio.gather(self._get(f"{url}/readyz"), self._get(f"{url}/metrics"))
            found = numbers(metrics.text)
        except httpx.HTTPError as error:
            return Look((Service(name, "down", str(error) or type(error).__name__),))
        except NoExposition:
            return Look((Service(name, "not_ready", f"{url}/metrics has no metrics"),))
        said = readiness.of(ready)
        return Look((Service(name, _HEALTH[said.state], said.detail),), found)

    async def _query(self) -> Look:
        """The query, and the stores as it finds them."""
        try:
            async with asyncio.timeout(_TIMEOUT_S):
                page = await self._edges.received({"limit": "1"})
        except (EdgeUnavailable, Refused, TimeoutError) as error:
            return Look((Service("query", "down", str(error) or "no answer in time"),))
        stores = (Service(store, "down" if store in page.unavailable else "ok") for store in _STORES)
        return Look((Service("query", "ok"), *stores))

    async def _get(self, url: str) -> httpx.Response:
        return await self._http.get(url, timeout=_TIMEOUT_S)
