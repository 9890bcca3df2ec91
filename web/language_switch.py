"""`/language`: the reader's choice, which stays."""

import re
from typing import Any, cast

from quart import Blueprint, abort, redirect, request

from web import form, languages

blueprint = Blueprint("language", __name__)

_YEAR_S = 365 * 24 * 3600
# A browser takes `\` for `/` and leaves out tabs and line ends: `/\t/other.example` would lead away.
_OWN_PATH = re.compile(r"/(?![/\\])[\x21-\x5b\x5d-\x7e]*|/")


@blueprint.post("/language")
async def choose() -> Any:
    """Remember the language `tag` and go back to the page `back`, which is one of ours."""
    chosen = form.parse(cast(bytes, await request.get_data()))
    tag, back = chosen.get("tag", ""), chosen.get("back", "")
    if tag not in languages.tags():
        abort(400)
    answer = cast(Any, redirect(back if _OWN_PATH.fullmatch(back) else "/", 303))
    answer.set_cookie(languages.COOKIE, tag, max_age=_YEAR_S, httponly=True, samesite="Lax", secure=request.is_secure)
    return answer
