"""`/events`: find events, and hear of new ones."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import suppress
from datetime import datetime
from typing import Any

from quart import Blueprint, abort, current_app, render_template, request

from operations.http_api import EdgeUnavailable, Problem, Refused
from pipeline.clock import now, rfc3339
from web import edges, formats, live
from web.answers import Page
from web.phrases import phrase

blueprint = Blueprint("events", __name__)

_FILTERS = ("store", "type", "source", "subject", "from", "to")
_TIMES = ("from", "to")
_NEWS_EVERY_S = 3.0
_MOST_NEWS = 100


@blueprint.get("/events")
async def show() -> Any:
    """The list that the address asks for, newest first."""
    filters, cursor = _filters(), request.args.get("cursor", "")
    try:
        page = await edges.current().events(_parameters(filters) | ({"cursor": cursor} if cursor else {}))
    except Refused as refusal:
        return await _page(filters, cursor, Page(events=[]), refusal.problem), 400
    return await _page(filters, cursor, page, None)


@blueprint.get("/events/news")
async def news() -> Any:
    """How many events of the list came after `since`, whenever that changes, as server-sent events."""
    since = formats.in_utc(request.args.get("since", ""))
    if not since:
        abort(400)
    filters, closing = _filters(), current_app.extensions["closing"]

    async def parts() -> AsyncGenerator[str, None]:
        count = 0
        while not closing.is_set():
            if (found := await _count(filters, since)) > count:
                count = found
                yield await render_template("_news.html", count=count, most=_MOST_NEWS, filters=filters)
            with suppress(TimeoutError):
                await asyncio.wait_for(closing.wait(), _NEWS_EVERY_S)

    return live.stream(parts())


async def _count(filters: dict[str, str], since: datetime) -> int:
    later = _parameters(filters) | {"from": rfc3339(since), "limit": str(_MOST_NEWS)}
    try:
        page = await edges.current().events(later)
    except (EdgeUnavailable, Refused):
        return 0
    return sum(row.received_at > since for row in page.events)


def _since(filters: dict[str, str], cursor: str, page: Page) -> str:
    """From when on events are new to the reader; "" where the list has an end."""
    if cursor or "to" in filters:
        return ""
    return rfc3339(max((row.received_at for row in page.events), default=now()))


def _filters() -> dict[str, str]:
    return {name: text for name in _FILTERS if (text := request.args.get(name, "").strip())}


async def _page(filters: dict[str, str], cursor: str, page: Page, refusal: Problem | None) -> str:
    faults = {fault.parameter: phrase(fault.detail) for fault in refusal.errors} if refusal else {}
    at_fields = {name: faults.pop(name) for name in _FILTERS if name in faults}
    return await render_template(
        "events.html",
        filters=filters,
        cursor=cursor,
        page=page,
        refusal=refusal,
        faults=at_fields,
        other_faults=faults,
        types=await current_app.extensions["suggestions"].types(),
        since=_since(filters, cursor, page),
    )


def _parameters(filters: dict[str, str]) -> dict[str, str]:
    return filters | {name: _in_utc(filters[name]) for name in _TIMES if name in filters}


def _in_utc(text: str) -> str:
    """A browser's `2026-11-23T15:24` as RFC 3339; what is no time is left for the query to refuse."""
    moment = formats.in_utc(text)
    return rfc3339(moment) if moment else text
