"""`/language`: the reader's choice, which stays."""

from quart import Blueprint, abort, redirect, request
from quart.typing import ResponseReturnValue

from web.login.access import READER, needs
from web.login.own_path import own_path
from web.site import form, languages

blueprint = Blueprint("language", __name__)

_YEAR_S = 365 * 24 * 3600


@blueprint.post("/language")
@needs(READER)
async def choose() -> ResponseReturnValue:
    """Remember the language `tag` and go back to the page `back`, which is one of ours."""
    chosen = await form.posted()
    tag, back = chosen.get("tag", ""), chosen.get("back", "")
    if tag not in languages.tags():
        abort(400)
    answer = redirect(own_path(back), 303)
    answer.set_cookie(languages.COOKIE, tag, max_age=_YEAR_S, httponly=True, samesite="Lax", secure=request.is_secure)
    return answer
