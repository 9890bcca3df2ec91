"""`/events`: find events."""

from typing import Any

from quart import Blueprint, render_template, request

from pipeline.clock import rfc3339
from web import edges, formats
from web.answers import Page, Problem
from web.edges import Refused
from web.phrases import phrase

blueprint = Blueprint("events", __name__)

_FILTERS = ("store", "type", "source", "subject", "from", "to")
_TIMES = ("from", "to")


@blueprint.get("/events")
async def show() -> Any:
    """The list that the address asks for, newest first."""
    filters = {name: text for name in _FILTERS if (text := request.args.get(name, "").strip())}
    cursor = request.args.get("cursor", "")
    try:
        page = await edges.current().events(_parameters(filters, cursor))
    except Refused as refusal:
        return await _page(filters, cursor, Page(events=[]), refusal.problem), 400
    return await _page(filters, cursor, page, None)


async def _page(filters: dict[str, str], cursor: str, page: Page, refusal: Problem | None) -> str:
    faults = {fault.parameter: phrase(fault.detail) for fault in refusal.errors} if refusal else {}
    at_fields = {name: faults.pop(name) for name in _FILTERS if name in faults}
    return await render_template(
        "events.html", filters=filters, cursor=cursor, page=page, refusal=refusal, faults=at_fields, other_faults=faults
    )


def _parameters(filters: dict[str, str], cursor: str) -> dict[str, str]:
    times = {name: _in_utc(filters[name]) for name in _TIMES if name in filters}
    return filters | times | ({"cursor": cursor} if cursor else {})


def _in_utc(text: str) -> str:
    """A browser's `2026-11-23T15:24` as RFC 3339; what is no time is left for the query to refuse."""
    moment = formats.in_utc(text)
    return rfc3339(moment) if moment else text
