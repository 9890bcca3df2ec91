"""`/`: publish an event."""

from typing import Any, cast

from quart import Blueprint, abort, redirect, render_template, request, url_for

from pipeline.clock import rfc3339
from web import edges, faults, form
from web.draft import Draft, NotJson
from web.edges import EdgeUnavailable, Refused
from web.journey import Journey
from web.languages import gettext, marked
from web.picture import TALL

blueprint = Blueprint("publish", __name__)

_NOT_TAKEN = {
    400: marked("The event was not published: it is not JSON that can be read."),
    413: marked("The event was not published: it is larger than 262,144 bytes."),
    422: marked("The event was not published: something in it is not as it must be."),
}
_REFUSED = marked("The gateway did not take the event.")
_UNAVAILABLE = marked(
    "The gateway cannot take events now. Publish again in a moment: "
    "as long as you change nothing, the event is stored once, however often you send it."
)


@blueprint.get("/")
async def show() -> str:
    """A fresh form with an example to start from."""
    return await _page(Draft.example(), {}, "")


@blueprint.post("/")
async def publish() -> Any:
    """Publish what was typed and go on to the event's journey; or say what is wrong with it."""
    if request.mimetype != form.MEDIA_TYPE:
        abort(415)
    draft = Draft.typed(form.parse(cast(bytes, await request.get_data())))
    try:
        accepted = await edges.current().publish(draft.body())
    except NotJson as error:
        return await _page(draft, faults.of_data(error), gettext(_NOT_TAKEN[422])), 422
    except Refused as refusal:
        status = refusal.problem.status
        message = gettext(_NOT_TAKEN.get(status, _REFUSED))
        return await _page(draft, faults.of_problem(refusal.problem, draft), message), status
    except EdgeUnavailable:
        return await _page(draft, {}, gettext(_UNAVAILABLE)), 503, {"Retry-After": "2"}
    journey = url_for("event.show", source=accepted.source, id=accepted.id, received_at=rfc3339(accepted.received_at))
    return redirect(journey, 303)


async def _page(draft: Draft, faults: faults.Faults, message: str) -> str:
    untouched = Journey.of(None, None)
    return await render_template(
        "publish.html", draft=draft, faults=faults, message=message, drawing=TALL, journey=untouched
    )
