"""`/login` and `/logout`: in through the OpenID provider, and out."""

from dataclasses import asdict
from datetime import timedelta
from urllib.parse import urlsplit

import structlog
from quart import Blueprint, Quart, Response, abort, redirect, render_template, request, session, url_for
from quart.typing import ResponseReturnValue

from pipeline.core.errors import SettingsError
from pipeline.core.settings.web import LoginSettings
from pipeline.serving.origins import is_loopback
from web.context import current
from web.login import access
from web.login.openid import Attempt, LoginRefused, Provider
from web.login.own_path import own_path

CALLBACK = "/login/callback"
blueprint = Blueprint("login", __name__)
_SHORTEST_KEY = 32
_log = structlog.get_logger("web")


def install(app: Quart, settings: LoginSettings, web_url: str) -> None:
    """Keep sessions in a signed cookie. Raises SettingsError where others could read or make one."""
    if len(settings.session_key) < _SHORTEST_KEY:
        raise SettingsError(f"MENSAGERIA_LOGIN_SESSION_KEY is (a secret): give at least {_SHORTEST_KEY} characters")
    for variable, url in (("MENSAGERIA_WEB_URL", web_url), ("MENSAGERIA_LOGIN_ISSUER", settings.issuer)):
        if not _is_private(url):
            raise SettingsError(f"{variable} is {url!r}: with a login, give a URL with https")
    is_https = urlsplit(web_url).scheme == "https"
    app.secret_key = settings.session_key
    app.config.update(
        SESSION_COOKIE_NAME="__Host-mensageria" if is_https else "mensageria",
        SESSION_COOKIE_SECURE=is_https,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        PERMANENT_SESSION_LIFETIME=timedelta(hours=settings.session_hours),
    )
    app.after_request(_keep_nothing)


@blueprint.get("/login")
async def begin() -> ResponseReturnValue:
    """On to the provider; what the answer must fit stands in the session meanwhile.

    Whoever is logged in stays so until `finish`: another site can lead a browser here.
    """
    address, attempt = await _provider().begin(own_path(request.args.get("next", "/")))
    session["attempt"] = asdict(attempt)
    return redirect(address)


@blueprint.get(CALLBACK)
async def finish() -> ResponseReturnValue:
    """Back from the provider, and on to the page that was asked for."""
    provider = _provider()
    attempt = session.pop("attempt", None)
    if not attempt:
        raise LoginRefused("this login was not begun in this browser, or it took too long")
    person = await provider.finish(request.url, Attempt(**attempt))
    if not person.role:
        _log.warning("login without a role", subject=person.subject)
        return await render_template("login_without_role.html", known_as=person.name), 403
    _log.info("login", subject=person.subject, role=person.role)
    access.enter(person)
    return redirect(attempt["next"])


@blueprint.post("/logout")
async def end() -> ResponseReturnValue:
    """Out: nobody is here any more in this browser."""
    session.clear()
    return redirect(url_for("login.ended"), 303)


@blueprint.get("/login/ended")
async def ended() -> str:
    """What there is to do after that."""
    return await render_template("login_ended.html")


async def _keep_nothing(response: Response) -> Response:
    """After a logout no cache shows what somebody saw."""
    if request.endpoint != "static":
        response.headers["Cache-Control"] = "no-store"
    return response


def _is_private(url: str) -> bool:
    """Whether nobody between can read what is sent to `url`."""
    address = urlsplit(url)
    return address.scheme == "https" or (address.scheme == "http" and is_loopback(address.hostname or ""))


def _provider() -> Provider:
    """The running app's; 404 where it has none."""
    return current().provider or abort(404)
