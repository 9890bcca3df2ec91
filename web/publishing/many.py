"""`/many`: publish many events at once, one a line."""

import uuid
from typing import cast

from quart import Blueprint, abort, render_template, request
from quart.typing import ResponseReturnValue

from web.context import current
from web.login.access import PUBLISHER, needs
from web.publishing import lines
from web.publishing.lines import MAX_LINES, Outcome
from web.site import form
from web.site.form import UnreadableForm

blueprint = Blueprint("many", __name__)

_EXAMPLE = """\
{"type": "com.example.order.created", "subject": "order/1001", "data": {"total": "49.90"}}
{"type": "com.example.order.created", "subject": "order/1002", "data": {"total": "12.00"}}
{"type": "com.example.order.paid", "subject": "order/1001", "data": {"method": "pix"}}
"""


@blueprint.get("/many")
async def show() -> str:
    """A fresh form with lines to start from."""
    return await _page(_EXAMPLE, _new_id(), [])


@blueprint.post("/many")
@needs(PUBLISHER)
async def publish() -> ResponseReturnValue:
    """Publish each line; what was not accepted stays in the form, to be mended or sent again.

    The lines come as the form's text or as a file; `first` is the number of the first line,
    where a script sends a long file in pieces.
    """
    sent = await _sent()
    form_id = sent.get("form_id") or _new_id()
    first = _number(sent.get("first", "1"))
    given = lines.read(sent.get("lines", ""), form_id, first)
    if len(given) > MAX_LINES:
        return await _page(sent["lines"], form_id, [], is_too_long=True), 413
    outcomes = await lines.publish(current().edges, given)
    rest = lines.rest(outcomes, first)
    return await _page(rest, form_id if rest else _new_id(), outcomes)


async def _sent() -> dict[str, str]:
    if request.mimetype == form.MEDIA_TYPE:
        return form.parse(cast(bytes, await request.get_data()))
    if request.mimetype != "multipart/form-data":
        abort(415)
    file = (await request.files).get("file")
    if file is None:
        raise UnreadableForm("there is no file")
    try:
        return {"lines": file.read().decode("utf-8-sig"), "form_id": (await request.form).get("form_id", "")}
    except UnicodeDecodeError as error:
        raise UnreadableForm(str(error)) from None


def _number(text: str) -> int:
    if not text.isdecimal() or len(text) > len("1000000000"):
        raise UnreadableForm("first is no number")
    return int(text)


def _new_id() -> str:
    return str(uuid.uuid4())


async def _page(text: str, form_id: str, outcomes: list[Outcome], *, is_too_long: bool = False) -> str:
    return await render_template(
        "many.html",
        lines=text,
        form_id=form_id,
        outcomes=outcomes,
        accepted=sum(outcome.state == "accepted" for outcome in outcomes),
        most=MAX_LINES,
        is_too_long=is_too_long,
    )
