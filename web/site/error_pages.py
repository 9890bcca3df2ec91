"""The pages for what went wrong: what happened, and what to do next."""

import structlog
from quart import Quart, render_template
from werkzeug.exceptions import HTTPException

from operations.http_api import EdgeUnavailable, Refused
from pipeline.core.errors import QueueUnavailable
from web.login.access import NotAllowed, Role
from web.login.openid import LoginRefused, ProviderUnavailable
from web.site.form import UnreadableForm
from web.site.languages import gettext, marked

_log = structlog.get_logger(__name__)

_TEXTS = {
    403: (
        marked("This request came from another site"),
        marked("Only these pages themselves may act here. Open the page by its own address and try again."),
    ),
    404: (marked("There is no such page"), marked("Check the address, or go on from one of the pages above.")),
    405: (marked("This address does not do that"), marked("Go on from one of the pages above.")),
    413: (
        marked("That is too large"),
        marked("An event has at most 262,144 bytes. Go back and shorten it: what you typed is still there."),
    ),
    415: (
        marked("This is not the form of the page"),
        marked("Nothing was published. Send the form of the publish page; a program posts its events to the gateway."),
    ),
    500: (
        marked("Something broke on this page"),
        marked("Nothing was lost: what was accepted is stored. Reload the page; the details are in the log of web."),
    ),
}
_OTHER = (marked("This request cannot be answered"), marked("Check the address, or go on from one of the pages above."))
_UNREADABLE = (
    marked("This form cannot be read"),
    marked(
        "Nothing was published: its text is not UTF-8, or a field is there twice or has a value that it cannot have. "
        "Open the page again and send its own form."
    ),
)
_NOT_ALLOWED = marked("This needs another role")
_NEEDED = {
    Role.READER: marked("You do not have access to these pages. Ask their administrator for the role reader."),
    Role.PUBLISHER: marked("You can view these pages but not publish. Ask their administrator for the role publisher."),
    Role.OPERATOR: marked(
        "You can view these pages but not operate the pipeline. Ask their administrator for the role operator."
    ),
}
_NO_PROVIDER = (
    marked("The login does not answer"),
    marked("Nobody can log in now. Try again in a moment; if it stays so, look at the log of web."),
)
_NO_QUEUE = (
    marked("The dead letters cannot be read now"),
    marked("They are safe where they are. Try again in a moment."),
)
_UNAVAILABLE = {
    "gateway": marked("The gateway does not answer"),
    "query": marked("The query does not answer"),
}


def install(app: Quart) -> None:
    """Answer every failure of `app` with a page."""
    app.register_error_handler(HTTPException, _http_failure)
    app.register_error_handler(EdgeUnavailable, _unavailable)
    app.register_error_handler(Refused, _refused)
    app.register_error_handler(UnreadableForm, _unreadable)
    app.register_error_handler(NotAllowed, _not_allowed)
    app.register_error_handler(LoginRefused, _login_refused)
    app.register_error_handler(ProviderUnavailable, _provider_unavailable)
    app.register_error_handler(QueueUnavailable, _queue_unavailable)
    app.register_error_handler(Exception, _broken)


async def _http_failure(failure: HTTPException) -> tuple[str, int, dict[str, str]]:
    status = failure.code or 500
    title, advice = _TEXTS.get(status, _OTHER)
    allowed = {name: value for name, value in failure.get_headers() if name == "Allow"}
    return await _page(title, advice), status, allowed


async def _unavailable(failure: EdgeUnavailable) -> tuple[str, int, dict[str, str]]:
    _log.warning("edge unavailable", edge=failure.edge, detail=str(failure))
    advice = marked("What was accepted is safe. Try again in a moment; if it stays so, look at its log.")
    return await _page(_UNAVAILABLE[failure.edge], advice), 503, {"Retry-After": "2"}


async def _refused(failure: Refused) -> tuple[str, int]:
    page = await render_template(
        "failure.html", title=gettext(_OTHER[0]), advice=gettext(_OTHER[1]), detail=failure.problem.detail
    )
    return page, 400


async def _unreadable(_: UnreadableForm) -> tuple[str, int]:
    return await _page(*_UNREADABLE), 400


async def _not_allowed(failure: NotAllowed) -> tuple[str, int]:
    return await _page(_NOT_ALLOWED, _NEEDED[failure.needed]), 403


async def _login_refused(failure: LoginRefused) -> tuple[str, int]:
    _log.warning("login refused", detail=str(failure))
    return await render_template("login_refused.html"), 403


async def _provider_unavailable(failure: ProviderUnavailable) -> tuple[str, int, dict[str, str]]:
    _log.error("no OpenID provider", detail=str(failure))
    return await _page(*_NO_PROVIDER), 503, {"Retry-After": "5"}


async def _queue_unavailable(failure: QueueUnavailable) -> tuple[str, int, dict[str, str]]:
    _log.warning("queue unavailable", detail=str(failure))
    return await _page(*_NO_QUEUE), 503, {"Retry-After": "5"}


async def _broken(failure: Exception) -> tuple[str, int]:
    _log.error("request failed", exc_info=failure)
    return await _page(*_TEXTS[500]), 500


async def _page(title: str, advice: str) -> str:
    return await render_template("failure.html", title=gettext(title), advice=gettext(advice), detail="")
