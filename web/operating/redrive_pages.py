"""`/pipeline/redrives`: dead letters are sent again or discarded, after a dry run and a confirmation."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from quart import Blueprint, abort, redirect, render_template, url_for
from quart.typing import ResponseReturnValue

from operations.dead_letters import Place
from operations.redrive import Choice
from pipeline.core.errors import QueueUnavailable
from web.login import access
from web.login.access import OPERATOR, needs
from web.operating.dead_letter_listing import MOST_SHOWN
from web.operating.dead_letters import choice_of, desk, filters_of, place_of
from web.operating.redrive_job import Action, Redrive
from web.site import form, live
from web.site.closing import until_closing

blueprint = Blueprint("redrives", __name__)

_EVERY_S = 0.25
_ALL = "_all"
_ACTIONS: tuple[Action, ...] = ("send_again", "discard")


@blueprint.post("/pipeline/redrives")
@needs(OPERATOR)
async def plan() -> ResponseReturnValue:
    """The dry run of what the form asks for; nothing is done yet."""
    fields = await form.posted()
    place, filters = place_of(fields.get("place", "")), filters_of(fields)
    do = fields.get("do", "")
    action = _action(do.removesuffix(_ALL))
    keys = frozenset(name for name in fields if name.startswith(f"{place}:"))
    if do.endswith(_ALL):
        choice = choice_of(filters)
    elif keys:
        choice = Choice(keys=keys)
    else:
        return await _nothing_chosen(place, filters)
    try:
        planned = await desk().plan(place, action, choice, access.name())
    except QueueUnavailable as error:
        return await render_template("redrive_impossible.html", place=place, filters=filters, fault=str(error)), 503
    return redirect(url_for("redrives.show", id_=planned.id), 303)


@blueprint.get("/pipeline/redrives/<id_>")
async def show(id_: str) -> ResponseReturnValue:
    """The dry run with its confirmation; then how far it is; then how it ended."""
    redrive = desk().redrive(id_)
    if not redrive:
        return await render_template("redrive_unknown.html"), 404
    return await render_template("redrive.html", redrive=redrive, most=MOST_SHOWN)


@blueprint.get("/pipeline/redrives/<id_>/parts")
async def parts(id_: str) -> ResponseReturnValue:
    """The changing parts of the page, as server-sent events, to the redrive's end."""
    return live.stream(_parts(_known(id_)))


@blueprint.post("/pipeline/redrives/<id_>/start")
@needs(OPERATOR)
async def start(id_: str) -> ResponseReturnValue:
    """Do what the dry run showed."""
    desk().start(_known(id_))
    return redirect(url_for("redrives.show", id_=id_), 303)


@blueprint.post("/pipeline/redrives/<id_>/stop")
@needs(OPERATOR)
async def stop(id_: str) -> ResponseReturnValue:
    """Stop it where it is."""
    desk().stop(_known(id_))
    return redirect(url_for("redrives.show", id_=id_), 303)


async def _parts(redrive: Redrive) -> AsyncGenerator[str, None]:
    async with aclosing(until_closing(redrive.changes(_EVERY_S))) as changes:
        async for changed in changes:
            yield await render_template("redrive_parts.html", redrive=changed, most=MOST_SHOWN)


async def _nothing_chosen(place: Place, filters: dict[str, str]) -> ResponseReturnValue:
    return await render_template("redrive_impossible.html", place=place, filters=filters, fault=""), 422


def _known(id_: str) -> Redrive:
    return desk().redrive(id_) or abort(404)


def _action(text: str) -> Action:
    found: Action | None = next((action for action in _ACTIONS if action == text), None)
    return found or abort(400)
