"""The gateway and the query as the commands use them: an event's JSON goes through as it is, to the last digit."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Self

import msgspec
import stamina
import uuid_utils

from operations.http_api import EdgeUnavailable, HttpApi, Refused
from pipeline.core.errors import InvalidParameters
from pipeline.core.settings.tools import EdgeSettings
from pipeline.events.event import STRUCTURED

_RETRIES_S = 20

Members = dict[str, msgspec.Raw]


class _Page(msgspec.Struct):
    events: list[Members]
    next: str | None = None
    resume_from: str = ""
    partial: bool = False
    unavailable: list[str] = []


class Edges:
    """Both; each call raises EdgeUnavailable and Refused, the query's also InvalidParameters.

    Of what is found, `event` is a msgspec.Raw: no number in it is read and written anew.
    """

    def __init__(self, api: HttpApi) -> None:
        self._api = api

    @classmethod
    @asynccontextmanager
    async def connected(cls, settings: EdgeSettings) -> AsyncIterator[Self]:
        """The edges that `settings` name. Raises SettingsError where a key can't stand in a header."""
        async with HttpApi.connected(settings, settings.timeout_s) as api:
            yield cls(api)

    async def publish(self, body: bytes) -> dict[str, Any]:
        """Publish one event, a CloudEvent in JSON or the simple form; the gateway's receipt.

        Tried again for some seconds where the gateway can't take it: the event has an id
        from the first try on, so it is stored once.
        """
        headers = _headers(body)
        async for attempt in stamina.retry_context(on=EdgeUnavailable, attempts=None, timeout=_RETRIES_S, wait_max=2):
            with attempt:
                return await self._api.publish(body, headers, dict[str, Any])
        raise AssertionError("a retry ends with an answer or an error")

    async def event(self, source: str, id_: str) -> dict[str, Any]:
        """One event with its receipt. Raises NotFound."""
        return _read(await self._get("/event", {"source": source, "id": id_}, Members))

    async def page(self, parameters: dict[str, str]) -> dict[str, Any]:
        """One page of the list."""
        return await self._page("/events", parameters)

    async def stored(self, parameters: dict[str, str]) -> dict[str, Any]:
        """One page of what was stored, in that order."""
        return await self._page("/stored", parameters)

    async def _page(self, path: str, parameters: dict[str, str]) -> dict[str, Any]:
        page = await self._get(path, parameters, _Page)
        return msgspec.structs.asdict(page) | {"events": [_read(event) for event in page.events]}

    async def _get(self, path: str, parameters: dict[str, str], kind: Any) -> Any:
        try:
            return await self._api.get("query", path, parameters, kind)
        except Refused as refusal:
            if faults := {fault.parameter: fault.defect for fault in refusal.problem.errors if fault.parameter}:
                raise InvalidParameters(faults) from refusal
            raise


def _read(members: Members) -> dict[str, Any]:
    return {name: value if name == "event" else msgspec.json.decode(value) for name, value in members.items()}


def _headers(body: bytes) -> dict[str, str]:
    """A CloudEvent's content type, or the simple form's with the id that it lacks."""
    try:
        content = msgspec.json.decode(body, type=Members)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {"content-type": STRUCTURED}  # the gateway says what is wrong with it
    if "specversion" not in content:
        named = {} if bytes(content.get("id", b"null")) != b"null" else {"idempotency-key": str(uuid_utils.uuid7())}
        return {"content-type": "application/json"} | named
    return {"content-type": STRUCTURED}
