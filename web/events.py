"""`/events`: find events."""

from typing import Any

from quart import Blueprint, render_template, request

from pipeline.clock import rfc3339
from web import edges, formats
from web.answers import Page
from web.edges import Refused

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
        faults = {fault.parameter: fault.detail for fault in refusal.problem.errors}
        view = await _page(filters, cursor, Page(events=[]), detail=refusal.problem.detail, faults=faults)
        return view, 400
    return await _page(filters, cursor, page, detail="", faults={})


async def _page(filters: dict[str, str], cursor: str, page: Page, **shown: Any) -> str:
    return await render_template("events.html", filters=filters, cursor=cursor, page=page, **shown)


def _parameters(filters: dict[str, str], cursor: str) -> dict[str, str]:
    times = {name: _in_utc(filters[name]) for name in _TIMES if name in filters}
    return filters | times | ({"cursor": cursor} if cursor else {})


def _in_utc(text: str) -> str:
    """A browser's `2026-11-23T15:24` as RFC 3339; what is no time is left for the query to refuse."""
    moment = formats.in_utc(text)
    return rfc3339(moment) if moment else text
