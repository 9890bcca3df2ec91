"""`/`: publish an event."""

from quart import Blueprint, redirect, render_template, request, url_for
from quart.typing import ResponseReturnValue

from operations.http_api import EdgeUnavailable, Refused
from pipeline.core.clock import rfc3339
from web.context import current
from web.events.journey import Journey
from web.events.journey_layout import TALL
from web.login.access import PUBLISHER, READER, needs
from web.publishing import calls, examples, field_faults
from web.publishing.draft import Draft, NotJson
from web.site import form
from web.site.languages import gettext, marked

blueprint = Blueprint("publish", __name__)

_NOT_TAKEN = {
    400: marked("The event was not published: it is not JSON that can be read."),
    401: marked("The gateway asks for a key, and these pages have none that it knows. Set MENSAGERIA_GATEWAY_KEY."),
    413: marked("The event was not published: it is larger than 262,144 bytes."),
    422: marked("The event was not published: something in it is not as it must be."),
}
_REFUSED = marked("The gateway did not take the event.")
_UNAVAILABLE = marked(
    "The gateway cannot take events now. Publish again in a moment: "
    "as long as you change nothing, the event is stored once, however often you send it."
)
_GONE = marked("The event to publish again was not found. This is an example in its place.")


@blueprint.get("/")
async def show() -> str:
    """A fresh form: with an example, or with the event that is to be published again as a new one."""
    source, id_ = request.args.get("source"), request.args.get("id")
    if not source or not id_:
        return await _page(examples.draft(request.args.get("example", "")), {}, "")
    record = await current().edges.event(source, id_)
    if record is None:
        return await _page(examples.draft(""), {}, gettext(_GONE))
    return await _page(Draft.again(bytes(record.event)), {}, "")


@blueprint.post("/")
@needs(PUBLISHER)
async def publish() -> ResponseReturnValue:
    """Publish what was typed and go on to the event's journey; or say what is wrong with it."""
    draft = await _typed()
    try:
        accepted = await current().edges.publish(draft.body())
    except NotJson as error:
        return await _page(draft, field_faults.of_data(error), gettext(_NOT_TAKEN[422])), 422
    except Refused as refusal:
        status = refusal.problem.status
        message = gettext(_NOT_TAKEN.get(status, _REFUSED))
        return await _page(draft, field_faults.of_problem(refusal.problem, draft), message), status
    except EdgeUnavailable:
        return await _page(draft, {}, gettext(_UNAVAILABLE)), 503, {"Retry-After": "2"}
    journey = url_for(
        "event.show",
        source=accepted.source,
        id=accepted.id,
        received_at=rfc3339(accepted.received_at),
        pending=accepted.pending or None,
    )
    return redirect(journey, 303)


@blueprint.post("/check")
@needs(READER)
async def check() -> str:
    """The page with the faults that can be seen before publishing, and the calls for what was typed."""
    draft = await _typed()
    return await _page(draft, field_faults.of_draft(draft), "")


@blueprint.post("/tidy")
@needs(READER)
async def tidy() -> str:
    """The same with the JSON indented."""
    draft = (await _typed()).tidied()
    return await _page(draft, field_faults.of_draft(draft), "")


async def _typed() -> Draft:
    return Draft.typed(await form.posted())


async def _page(draft: Draft, faults: field_faults.Faults, message: str) -> str:
    return await render_template(
        "publish.html",
        draft=draft,
        faults=faults,
        message=message,
        types=await current().suggestions.types(),
        examples=examples.LABELS,
        calls=_calls(draft),
        drawing=TALL,
        journey=Journey.of(None, None),
    )


def _calls(draft: Draft) -> dict[str, str]:
    """By the names of their languages; none while the data is no JSON."""
    settings = current().settings
    try:
        body = draft.call()
    except NotJson:
        return {}
    asks = bool(settings.gateway_key)
    return {
        "curl": calls.curl(settings.gateway_url, body, asks_for_key=asks),
        "Python": calls.python(settings.gateway_url, body, asks_for_key=asks),
    }
