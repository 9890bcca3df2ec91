"""`/event`: one event, where it is, and its journey while it is under way."""

from collections.abc import AsyncGenerator, Iterable
from datetime import datetime, timedelta
from typing import Any

from quart import Blueprint, Response, abort, render_template, request
from quart.typing import ResponseReturnValue

from operations.http_api import EdgeUnavailable
from pipeline.core import clock, trace_context
from web.answers import Copy
from web.context import current
from web.events import follow
from web.events.event_contents import Contents
from web.events.follow import Sighting, Sought
from web.events.journey import Journey
from web.events.journey_layout import TALL, WIDE
from web.site import live

blueprint = Blueprint("event", __name__)

_FRESH = timedelta(minutes=10)
"""How long an accepted event that no store has yet is on its way and not unknown."""


@blueprint.get("/event")
async def show() -> ResponseReturnValue:
    """One event with its receipt; on its way where it was only just accepted; else a 404 that helps.

    Without `source` or `id`: a form that asks for them, as a 400.
    """
    source, id_ = _identity()
    if not source or not id_:
        return await render_template("event_which.html", source=source, id=id_), 400
    sought = _sought()
    sighting = await follow.look(current().edges, sought)
    if not sighting.record and not sought.accepted_at:
        if not sighting.reachable:
            raise EdgeUnavailable("query", "no answer about an event")
        return await render_template("event_unknown.html", source=sought.source, id=sought.id), 404
    return await render_template("event.html", **_view(sought, sighting))


@blueprint.get("/event/journey")
async def journey() -> ResponseReturnValue:
    """The changing parts of the page as they change, until every store has the event."""
    sought, closing = _sought(), current().closing

    async def parts() -> AsyncGenerator[str, None]:
        async for sighting in follow.sightings(current().edges, sought, closing):
            yield await render_template("event_parts.html", **_view(sought, sighting))

    return live.stream(parts())


@blueprint.get("/event/json")
async def download() -> ResponseReturnValue:
    """The event itself, as a file."""
    sought = _sought()
    record = await current().edges.event(sought.source, sought.id)
    if record is None:
        abort(404)
    attachment = {"Content-Disposition": 'attachment; filename="event.json"'}
    return Response(bytes(record.event), content_type="application/cloudevents+json", headers=attachment)


def _identity() -> tuple[str, str]:
    return request.args.get("source", ""), request.args.get("id", "")


def _sought() -> Sought:
    source, id_ = _identity()
    if not source or not id_:
        abort(400)
    pending = frozenset(filter(None, request.args.get("pending", "").split(",")))
    return Sought(source, id_, _accepted_at(), pending)


def _accepted_at() -> datetime | None:
    """When the gateway took it, as the publish page says in the address: only if that was lately."""
    try:
        moment = datetime.fromisoformat(request.args.get("received_at", ""))
    except ValueError:
        return None
    if not moment.tzinfo or not timedelta(0) <= clock.now() - moment < _FRESH:
        return None
    return moment


def _view(sought: Sought, sighting: Sighting) -> dict[str, Any]:
    record = sighting.record
    here = {"source": sought.source, "id": sought.id}
    way = Journey.of(record, sought.accepted_at, sought.pending)
    unavailable = frozenset(record.unavailable) if record else frozenset()
    return here | {
        "here": here,
        "followed": here | _carried(sought),
        "record": record,
        "contents": Contents.of(bytes(record.event)) if record else None,
        "sighting": sighting,
        "journey": way.delayed(sighting.silent | unavailable) if sighting.is_late or unavailable else way,
        "drawings": {"wide": WIDE, "tall": TALL},
        "trace": _trace(way.copies.values()),
    }


def _carried(sought: Sought) -> dict[str, str]:
    """What the address of the page carries besides the event's identity."""
    moment = {"received_at": clock.rfc3339(sought.accepted_at)} if sought.accepted_at else {}
    return moment | ({"pending": ",".join(sorted(sought.pending))} if sought.pending else {})


def _trace(copies: Iterable[Copy]) -> str:
    """The address of the event's trace; "" where none was recorded, or nothing shows traces here."""
    address = current().settings.trace_url
    for copy in copies:
        context = trace_context.parse(str(copy.origin.get("traceparent", "")))
        if context and context.is_sampled:
            return address.replace("{trace_id}", context.trace_id)
    return ""
