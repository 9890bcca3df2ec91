"""`/events`: find events, and hear of new ones."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import suppress

from quart import Blueprint, abort, render_template, request
from quart.typing import ResponseReturnValue

from operations.http_api import Problem, Refused
from pipeline.core.clock import rfc3339
from web.answers import Page
from web.context import current
from web.events.news import MOST, News, begin
from web.site import live, template_filters
from web.site.api_translations import phrase

blueprint = Blueprint("events", __name__)

_FILTERS = ("store", "type", "source", "id", "subject", "from", "to")
_TIMES = ("from", "to")
_NEWS_EVERY_S = 3.0


@blueprint.get("/events")
async def show() -> ResponseReturnValue:
    """The list that the address asks for, newest first."""
    filters, cursor, edges = _filters(), request.args.get("cursor", ""), current().edges
    try:
        async with edges.within_deadline():
            # Asked before the list: what is stored meanwhile is new, or shown, or both.
            since = "" if cursor or "to" in filters else await begin(edges, filters)
            page = await edges.events(_parameters(filters) | ({"cursor": cursor} if cursor else {}))
    except Refused as refusal:
        return await _page(filters, cursor, Page(events=[]), "", refusal.problem), 400
    return await _page(filters, cursor, page, since, None)


@blueprint.get("/events/news")
async def news() -> ResponseReturnValue:
    """How many events of the list were stored after `since`, whenever that changes, as server-sent events."""
    since = template_filters.in_utc(request.args.get("since", ""))
    if not since:
        abort(400)
    filters, closing = _filters(), current().closing

    async def parts() -> AsyncGenerator[str, None]:
        count, counted = 0, News(current().edges, _parameters(filters), rfc3339(since))
        while not closing.is_set():
            if (found := await counted.count()) > count:
                count = found
                yield await render_template("_news.html", count=count, most=MOST, filters=filters)
            with suppress(TimeoutError):
                await asyncio.wait_for(closing.wait(), _NEWS_EVERY_S)

    return live.stream(parts())


def _filters() -> dict[str, str]:
    filters = {name: text for name in _FILTERS if (text := _typed(name))}
    return filters | {name: exact for name in _TIMES if (exact := _unchanged(name, filters.get(name, "")))}


def _typed(name: str) -> str:
    """What the form's field has, without the spaces around it; an id may have some of its own."""
    text = request.args.get(name, "")
    return text if name == "id" else text.strip()


def _unchanged(name: str, text: str) -> str:
    """The time that the form was made with, where its field still has what it showed of it: seconds, in UTC."""
    exact = request.args.get(f"{name}_exact", "")
    return exact if exact and text and template_filters.local_time(exact) == text else ""


async def _page(filters: dict[str, str], cursor: str, page: Page, since: str, refusal: Problem | None) -> str:
    faults = {fault.parameter: phrase(fault.defect) for fault in refusal.errors} if refusal else {}
    at_fields = {name: faults.pop(name) for name in _FILTERS if name in faults}
    return await render_template(
        "events.html",
        filters=filters,
        cursor=cursor,
        page=page,
        refusal=refusal,
        faults=at_fields,
        other_faults=faults,
        types=await current().suggestions.types(),
        since=since,
    )


def _parameters(filters: dict[str, str]) -> dict[str, str]:
    return filters | {name: _in_utc(filters[name]) for name in _TIMES if name in filters}


def _in_utc(text: str) -> str:
    """A browser's `2026-11-23T15:24` as RFC 3339; what is no time is left for the query to refuse."""
    moment = template_filters.in_utc(text)
    return rfc3339(moment) if moment else text
