"""The gateway and the query over HTTP, as any client uses them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Self

import httpx
import msgspec
import stamina
import uuid_utils

from pipeline import bearer
from pipeline.errors import InvalidParameters, MensageriaError
from pipeline.event import STRUCTURED
from pipeline.settings import EdgeSettings

_RETRIES_S = 20
_CONNECTIONS = 32


class EdgeUnavailable(MensageriaError):
    """The gateway or the query did not answer, or says that it cannot now."""

    retriable = True


class Refused(MensageriaError):
    """The gateway or the query takes the request for wrong; the text says why."""


class NotFound(Refused):
    """There is no such event."""


class Edges:
    """Both; each call raises EdgeUnavailable and Refused, the query's also InvalidParameters."""

    def __init__(self, http: httpx.AsyncClient, settings: EdgeSettings) -> None:
        """Raises SettingsError where the key can't stand in a header."""
        self._http = http
        self._gateway = settings.gateway_url.rstrip("/")
        self._query = settings.query_url.rstrip("/")
        self._publishing = bearer.authorization(settings.gateway_key, "GATEWAY_KEY")
        self._asking = bearer.authorization(settings.query_key, "QUERY_KEY")

    @classmethod
    @asynccontextmanager
    async def connected(cls, settings: EdgeSettings) -> AsyncIterator[Self]:
        """The edges that `settings` name. Raises SettingsError where a key can't stand in a header."""
        limits = httpx.Limits(max_connections=_CONNECTIONS)
        async with httpx.AsyncClient(timeout=settings.timeout_s, limits=limits) as http:
            yield cls(http, settings)

    async def publish(self, body: bytes) -> dict[str, Any]:
        """Publish one event, a CloudEvent in JSON or the simple form; the gateway's receipt.

        Tried again for some seconds where the gateway can't take it: the event has an id
        from the first try on, so it is stored once.
        """
        headers = _headers(body) | self._publishing
        async for attempt in stamina.retry_context(on=EdgeUnavailable, attempts=None, timeout=_RETRIES_S, wait_max=2):
            with attempt:
                return await self._send(
                    self._http.build_request("POST", f"{self._gateway}/events", content=body, headers=headers)
                )
        raise AssertionError("a retry ends with an answer or an error")

    async def event(self, source: str, id_: str) -> dict[str, Any]:
        """One event with its receipt. Raises NotFound."""
        return await self._get("/event", {"source": source, "id": id_})

    async def page(self, parameters: dict[str, str]) -> dict[str, Any]:
        """One page of the list."""
        return await self._get("/events", parameters)

    async def _get(self, path: str, parameters: dict[str, str]) -> dict[str, Any]:
        return await self._send(
            self._http.build_request("GET", f"{self._query}{path}", params=parameters, headers=self._asking)
        )

    async def _send(self, request: httpx.Request) -> dict[str, Any]:
        try:
            answer = await self._http.send(request)
        except httpx.TransportError as error:
            raise EdgeUnavailable(f"{request.url.copy_with(query=None)}: {error or type(error).__name__}") from error
        content = _content(answer)
        if answer.is_success:
            return content
        told = f"{answer.status_code}: {content.get('detail', answer.reason_phrase)}{_faults(content)}"
        if answer.status_code == httpx.codes.NOT_FOUND:
            raise NotFound(told)
        if answer.status_code == httpx.codes.BAD_REQUEST and (faults := _parameters(content)):
            raise InvalidParameters(faults)
        if answer.is_server_error or answer.status_code == httpx.codes.TOO_MANY_REQUESTS:
            raise EdgeUnavailable(told)
        raise Refused(told)


def _headers(body: bytes) -> dict[str, str]:
    """A CloudEvent's content type, or the simple form's with the id that it lacks."""
    try:
        content = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        content = None  # the gateway says what is wrong with it
    if isinstance(content, dict) and "specversion" not in content:
        named = {} if content.get("id") is not None else {"idempotency-key": str(uuid_utils.uuid7())}
        return {"content-type": "application/json"} | named
    return {"content-type": STRUCTURED}


def _content(answer: httpx.Response) -> dict[str, Any]:
    try:
        content = msgspec.json.decode(answer.content)
    except (msgspec.DecodeError, UnicodeDecodeError):
        content = None
    return content if isinstance(content, dict) else {}


def _parameters(content: dict[str, Any]) -> dict[str, str]:
    """What the query finds wrong with each parameter; the gateway's faults are an event's."""
    faults = content.get("errors") or []
    return {fault["parameter"]: fault.get("detail", "") for fault in faults if "parameter" in fault}


def _faults(content: dict[str, Any]) -> str:
    faults = content.get("errors") or []
    return "".join(f"; {fault.get('pointer', '')} {fault.get('detail', '')}" for fault in faults)
