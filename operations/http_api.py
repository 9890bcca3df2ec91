"""HTTP client of the gateway and the query: one pool of connections, one rule for base URLs, the key of each."""

import functools
import ssl
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import ClassVar, Literal, Self, TypeVar

import httpx
import msgspec

from operations.bearer import authorization
from pipeline.core.errors import MensageriaError
from pipeline.core.faults import Defect, sentence
from pipeline.core.settings.shared import ApiSettings

Service = Literal["gateway", "query"]
LISTED = "source,id,type,subject,received_at,stores"
"""The `fields` of a list that shows no content: with them, the query reads none."""
_CONNECTIONS = 32
_SILENCE_S = 60.0
"""Longest silence of a stream, whose comments come more often."""
T = TypeVar("T")


class Fault(msgspec.Struct):
    """One entry of a problem's `errors`: `pointer` for an event, `parameter` for an address."""

    detail: str = ""
    code: str = ""
    parameters: dict[str, str | int] = {}
    pointer: str = ""
    parameter: str = ""

    @property
    def defect(self) -> Defect:
        """What is wrong, without where."""
        return Defect(self.code, self.detail, self.parameters)


class Problem(msgspec.Struct):
    """Problem details (RFC 9457)."""

    status: int = 0
    detail: str = ""
    code: str = ""
    parameters: dict[str, str | int] = {}
    errors: list[Fault] = []

    @property
    def defect(self) -> Defect:
        """What is wrong with the whole of what was sent."""
        return Defect(self.code, self.detail, self.parameters)


class EdgeUnavailable(MensageriaError):
    """The gateway or the query did not answer, or says that it cannot now."""

    retriable: ClassVar[bool] = True

    def __init__(self, edge: str, detail: str) -> None:
        super().__init__(f"{edge}: {detail}")
        self.edge = edge


class Refused(MensageriaError):
    """The gateway or the query takes the request for wrong; `problem` says why."""

    def __init__(self, problem: Problem) -> None:
        faults = [sentence(fault.pointer or fault.parameter, fault.detail) for fault in problem.errors]
        super().__init__("; ".join((f"{problem.status}: {problem.detail}", *faults)))
        self.problem = problem


class NotFound(Refused):
    """There is no such event."""


def key_headers(settings: ApiSettings) -> dict[Service, dict[str, str]]:
    """The header with the key of each. Raises SettingsError where a key can't stand in a header."""
    return {
        "gateway": authorization(settings.gateway_key, "GATEWAY_KEY"),
        "query": authorization(settings.query_key, "QUERY_KEY"),
    }


@asynccontextmanager
async def http_client(timeout_s: float, connections: int = _CONNECTIONS) -> AsyncIterator[httpx.AsyncClient]:
    """A client for our own services: no proxy of the environment stands between."""
    limits = httpx.Limits(max_connections=connections)
    async with httpx.AsyncClient(timeout=timeout_s, limits=limits, trust_env=False, verify=_certificates()) as client:
        yield client


@functools.cache
def _certificates() -> ssl.SSLContext:
    """Those that servers are trusted by, read once a process: each client would take 17 ms of CPU for them."""
    return httpx.create_ssl_context(trust_env=False)


class HttpApi:
    """Both, over `http`. Each call raises EdgeUnavailable and Refused."""

    def __init__(self, http: httpx.AsyncClient, settings: ApiSettings) -> None:
        """Raises SettingsError where a key can't stand in a header."""
        self._http = http
        self._urls: dict[Service, str] = {
            "gateway": base_url(settings.gateway_url),
            "query": base_url(settings.query_url),
        }
        self._keys = key_headers(settings)

    @classmethod
    @asynccontextmanager
    async def connected(cls, settings: ApiSettings, timeout_s: float) -> AsyncIterator[Self]:
        """Over a client of its own. Raises SettingsError where a key can't stand in a header."""
        async with http_client(timeout_s) as http:
            yield cls(http, settings)

    async def publish(self, body: bytes, headers: dict[str, str], kind: type[T]) -> T:
        """Publish one event; returns the gateway's receipt once the event is durable."""
        return _decode("gateway", await self._send("gateway", "POST", "/events", content=body, headers=headers), kind)

    async def get(self, service: Service, path: str, parameters: dict[str, str], kind: type[T]) -> T:
        """The answer of `service` at `path`. Raises NotFound."""
        return _decode(service, await self._send(service, "GET", path, params=parameters), kind)

    async def stream(self, service: Service, path: str, parameters: dict[str, str]) -> AsyncGenerator[str, None]:
        """The names of the server-sent events of `service` at `path`, as they come; comments keep it open."""
        url = f"{self._urls[service]}{path}"
        usual = self._http.timeout
        timeout = httpx.Timeout(connect=usual.connect, read=_SILENCE_S, write=usual.write, pool=usual.pool)
        try:
            async with self._http.stream(
                "GET", url, params=parameters, headers=self._keys[service], timeout=timeout
            ) as answer:
                if not answer.is_success:
                    await answer.aread()
                    raise _failure(service, answer)
                async for line in answer.aiter_lines():
                    if line.startswith("event: "):
                        yield line.removeprefix("event: ")
        except httpx.TransportError as error:
            raise EdgeUnavailable(service, f"{url}: the stream broke: {error or type(error).__name__}") from error

    async def _send(
        self,
        service: Service,
        method: str,
        path: str,
        *,
        params: dict[str, str] | None = None,
        content: bytes | None = None,
        headers: dict[str, str] | None = None,
    ) -> httpx.Response:
        url, sent = f"{self._urls[service]}{path}", (headers or {}) | self._keys[service]
        try:
            answer = await self._http.request(method, url, params=params, content=content, headers=sent)
        except httpx.TransportError as error:
            raise EdgeUnavailable(service, f"{url}: no answer: {error or type(error).__name__}") from error
        if answer.is_success:
            return answer
        raise _failure(service, answer)


def base_url(url: str) -> str:
    """`url` as a path is put behind it."""
    return url.rstrip("/")


def _failure(service: Service, answer: httpx.Response) -> MensageriaError:
    problem = _problem(answer)
    if answer.is_server_error or answer.status_code == httpx.codes.TOO_MANY_REQUESTS:
        return EdgeUnavailable(service, f"answered {answer.status_code}: {problem.detail}")
    return (NotFound if answer.status_code == httpx.codes.NOT_FOUND else Refused)(problem)


def _problem(answer: httpx.Response) -> Problem:
    try:
        problem = msgspec.json.decode(answer.content, type=Problem)
    except (msgspec.DecodeError, UnicodeDecodeError):
        problem = Problem(detail=answer.reason_phrase)
    problem.status = answer.status_code  # what the document says of it is advisory (RFC 9457, 3.1.2)
    return problem


def _decode(service: Service, answer: httpx.Response, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(answer.content, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise EdgeUnavailable(service, f"answered what is not in the contract: {error}") from error
