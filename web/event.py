"""`/event`: one event, where it is, and its journey while it is under way."""

import json
from collections.abc import AsyncGenerator
from datetime import datetime, timedelta
from typing import Any

from quart import Blueprint, abort, current_app, render_template, request

from pipeline import clock
from web import edges, follow, live
from web.edges import EdgeUnavailable
from web.follow import Sighting
from web.journey import Journey
from web.picture import TALL, WIDE

blueprint = Blueprint("event", __name__)

_FRESH = timedelta(minutes=10)
"""How long an accepted event that no store has yet is on its way and not unknown."""


@blueprint.get("/event")
async def show() -> Any:
    """One event with its receipt; on its way where it was only just accepted; else a 404 that helps."""
    source, id_ = _identity()
    accepted_at = _accepted_at()
    try:
        record, reachable = await edges.current().event(source, id_), True
    except EdgeUnavailable:
        if not accepted_at:
            raise
        record, reachable = None, False
    if not record and not accepted_at:
        return await render_template("event_unknown.html", source=source, id=id_), 404
    return await render_template("event.html", **_view(Sighting(record, reachable)))


@blueprint.get("/event/journey")
async def journey() -> Any:
    """The changing parts of the page as they change, until every store has the event."""
    source, id_ = _identity()
    closing = current_app.extensions["closing"]

    async def parts() -> AsyncGenerator[str, None]:
        async for sighting in follow.sightings(edges.current(), source, id_, closing):
            yield await render_template("event_parts.html", **_view(sighting))
        if not closing.is_set() and not sighting.is_over:
            yield await render_template("event_parts.html", **_view(sighting, is_followed=False))

    return live.stream(parts())


def _identity() -> tuple[str, str]:
    source, id_ = request.args.get("source", ""), request.args.get("id", "")
    if not source or not id_:
        abort(404)
    return source, id_


def _accepted_at() -> datetime | None:
    """When the gateway took it, as the publish page says in the address: only if that was lately."""
    try:
        moment = datetime.fromisoformat(request.args.get("received_at", ""))
    except ValueError:
        return None
    if not moment.tzinfo or not timedelta(0) <= clock.now() - moment < _FRESH:
        return None
    return moment


def _view(sighting: Sighting, *, is_followed: bool = True) -> dict[str, Any]:
    source, id_ = _identity()
    record, accepted_at = sighting.record, _accepted_at()
    here = {"source": source, "id": id_}
    return here | {
        "here": here | ({"received_at": clock.rfc3339(accepted_at)} if accepted_at else {}),
        "record": record,
        "event": json.loads(bytes(record.event)) if record else {},
        "reachable": sighting.reachable,
        "is_followed": is_followed,
        "journey": Journey.of(record, accepted_at),
        "drawings": {"wide": WIDE, "tall": TALL},
    }
