"""The gateway, the query and the services' health, as the pages use them over HTTP."""

from typing import ClassVar, TypeVar

import httpx
import msgspec
from quart import current_app

from pipeline.errors import MensageriaError
from pipeline.event import STRUCTURED
from pipeline.settings import WebSettings
from web.answers import Accepted, Page, Problem, Record, Schemas

T = TypeVar("T")
_READY_S = 1.0


class EdgeUnavailable(MensageriaError):
    """The gateway or the query did not answer, or says that it cannot now."""

    retriable: ClassVar[bool] = True

    def __init__(self, edge: str, detail: str) -> None:
        super().__init__(f"{edge}: {detail}")
        self.edge = edge


class Refused(MensageriaError):
    """The gateway or the query takes the request for wrong; `problem` says why."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.detail)
        self.problem = problem


class Edges:
    """Both, over one pool of connections. Each call raises EdgeUnavailable and Refused."""

    def __init__(
        self, client: httpx.AsyncClient, settings: WebSettings, publishing: dict[str, str], asking: dict[str, str]
    ) -> None:
        """`publishing` and `asking` are the headers with the key of each edge."""
        self._client = client
        self._gateway_url = settings.gateway_url.rstrip("/")
        self._query_url = settings.query_url.rstrip("/")
        self._publishing = {"content-type": STRUCTURED} | publishing
        self._asking = asking
        self._services = {"service_b": settings.health.service_b_url, "service_c": settings.health.service_c_url}

    async def publish(self, body: bytes) -> Accepted:
        """Publish one event in structured JSON; returns once the gateway holds it safe."""
        request = self._client.build_request(
            "POST", f"{self._gateway_url}/events", content=body, headers=self._publishing
        )
        return _decode("gateway", await self._send("gateway", request), Accepted)

    async def types(self) -> list[str]:
        """The types that the gateway has schemas for."""
        request = self._client.build_request("GET", f"{self._gateway_url}/schemas", headers=self._publishing)
        listed = _decode("gateway", await self._send("gateway", request), Schemas)
        return [schema.type for schema in listed.schemas]

    async def events(self, parameters: dict[str, str]) -> Page:
        """One page of the list, newest first."""
        return _decode("query", await self._ask("/events", parameters), Page)

    async def event(self, source: str, id_: str) -> Record | None:
        """One event with its receipt; None where no store has it."""
        try:
            answer = await self._ask("/event", {"source": source, "id": id_})
        except Refused as refusal:
            if refusal.problem.status == httpx.codes.NOT_FOUND:
                return None
            raise
        return _decode("query", answer, Record)

    async def is_ready(self, service: str) -> bool:
        """Whether `service_b` or `service_c` says within a second that it can work."""
        try:
            answer = await self._client.get(f"{self._services[service]}/readyz", timeout=_READY_S)
        except httpx.TransportError:
            return False
        return answer.is_success

    async def _ask(self, path: str, parameters: dict[str, str]) -> httpx.Response:
        url = f"{self._query_url}{path}"
        return await self._send(
            "query", self._client.build_request("GET", url, params=parameters, headers=self._asking)
        )

    async def _send(self, edge: str, request: httpx.Request) -> httpx.Response:
        try:
            answer = await self._client.send(request)
        except httpx.TransportError as error:
            raise EdgeUnavailable(edge, f"no answer: {error or type(error).__name__}") from error
        if answer.is_success:
            return answer
        if answer.is_server_error or answer.status_code == httpx.codes.TOO_MANY_REQUESTS:
            raise EdgeUnavailable(edge, f"answered {answer.status_code}")
        raise Refused(_problem(answer))


def current() -> Edges:
    """The running app's."""
    edges: Edges = current_app.extensions["edges"]
    return edges


def _problem(answer: httpx.Response) -> Problem:
    try:
        return msgspec.json.decode(answer.content, type=Problem)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return Problem(status=answer.status_code)


def _decode(edge: str, answer: httpx.Response, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(answer.content, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise EdgeUnavailable(edge, f"answered what is not in the contract: {error}") from error
