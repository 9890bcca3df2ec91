"""The gateway, the query and the services' health, as the pages use them over HTTP."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import TypeVar
from urllib.parse import quote

import httpx

from operations.http_api import LISTED, EdgeUnavailable, HttpApi, NotFound, base_url
from pipeline.core.settings.web import WebSettings
from pipeline.events.event import STRUCTURED
from web.answers import Accepted, Arrivals, Page, Record, Schemas

_READY_S = 0.5
"""Behind a query that has taken its 3 s as a store hangs, a page still comes within 3.5 s."""
_COUNTED = "source,id,received_at"
T = TypeVar("T")


class Edges:
    """Both, over one pool of connections, and streams over another. Each call raises EdgeUnavailable and Refused."""

    def __init__(self, client: httpx.AsyncClient, api: HttpApi, streams: HttpApi, settings: WebSettings) -> None:
        self._client = client
        self._api = api
        self._streams = streams
        self._query_timeout_s = settings.query_timeout_s
        self._services = {
            "service_b": base_url(settings.health.service_b_url),
            "service_c": base_url(settings.health.service_c_url),
        }

    @asynccontextmanager
    async def within_deadline(self) -> AsyncIterator[None]:
        """One deadline for all that the block asks the query. Raises EdgeUnavailable when it has passed."""
        try:
            async with asyncio.timeout(self._query_timeout_s):
                yield
        except TimeoutError as error:
            raise EdgeUnavailable("query", f"no answer within {self._query_timeout_s:g} s") from error

    async def publish(self, body: bytes) -> Accepted:
        """Publish one event in structured JSON; returns once the gateway holds it safe."""
        return await self._api.publish(body, {"content-type": STRUCTURED}, Accepted)

    async def types(self) -> list[str]:
        """The types that the gateway has schemas for."""
        listed = await self._api.get("gateway", "/schemas", {}, Schemas)
        return [schema.type for schema in listed.schemas]

    async def events(self, parameters: dict[str, str]) -> Page:
        """One page of the list, newest first, without the events' contents."""
        return await self._ask("/events", {"fields": LISTED} | parameters, Page)

    async def stored(self, parameters: dict[str, str]) -> Arrivals:
        """What PostgreSQL stored from `since` on; without it nothing, and PostgreSQL's time."""
        return await self._ask("/stored", {"fields": _COUNTED} | parameters, Arrivals)

    async def received(self, parameters: dict[str, str]) -> Arrivals:
        """One page of the list, as far as it is counted."""
        return await self._ask("/events", {"fields": _COUNTED} | parameters, Arrivals)

    async def event(self, source: str, id_: str) -> Record | None:
        """One event with its receipt; None where no store has it."""
        try:
            return await self._ask("/event", {"source": source, "id": id_}, Record)
        except NotFound:
            return None

    async def _ask(self, path: str, parameters: dict[str, str], kind: type[T]) -> T:
        # A time limit for the whole answer: httpx has one for each read, and a server that trickles passes it.
        async with self.within_deadline():
            return await self._api.get("query", path, parameters, kind)

    def journey(self, source: str, id_: str) -> AsyncGenerator[str, None]:
        """`journey` whenever the gateway learns more about an event, and `end` once there is no more."""
        return self._streams.stream("gateway", f"/events/{quote(id_, safe='')}/journey", {"source": source})

    async def is_ready(self, service: str) -> bool:
        """Whether `service_b` or `service_c` says within half a second that it can work."""
        try:
            async with asyncio.timeout(_READY_S):
                answer = await self._client.get(f"{self._services[service]}/readyz")
        except (httpx.TransportError, TimeoutError):
            return False
        return answer.is_success
