"""Protection against other sites' pages and hostile events."""

from collections.abc import Awaitable, Callable
from urllib.parse import SplitResult, urlsplit

from quart import Quart, Response, abort, request

from pipeline.core.errors import SettingsError
from pipeline.core.settings.web import WebSettings
from pipeline.serving.origins import host_name, is_foreign, is_loopback, is_navigation

_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    # Not `no-referrer`: with it a browser hides the Origin of our own forms.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def install(app: Quart, settings: WebSettings) -> None:
    """Guard every request and every answer of `app`. Raises SettingsError where anyone could come in."""
    if settings.guard == "none" and not settings.login and not is_loopback(settings.host):
        raise SettingsError(
            f"MENSAGERIA_WEB_HOST is {settings.host!r}, and without a login web listens on a loopback address only: "
            "set it to 127.0.0.1, or set a login (MENSAGERIA_LOGIN_ISSUER and the others of docs/settings.md), or put "
            "something in front that lets in only who may publish and operate and say so with "
            "MENSAGERIA_WEB_GUARD=proxy"
        )
    own = {name.strip().lower() for name in settings.host_names.split(",")} - {""}
    if settings.login and (name := urlsplit(settings.health.web_url).hostname):
        own.add(name)
    app.before_request(_refuse_foreign_names(own))
    app.before_request(_refuse_other_sites)
    app.after_request(_add_headers)


def _refuse_foreign_names(own: set[str]) -> Callable[[], Awaitable[None]]:
    async def refuse() -> None:
        # A site whose name leads here (DNS rebinding) would be of our own origin. Who asks
        # for the health calls by an address, and gets nothing to act with.
        name = host_name(request.host)
        if request.blueprint != "health" and name not in own and not is_loopback(name):
            abort(403)

    return refuse


async def _refuse_other_sites() -> None:
    """No form of another site posts here, and no script of one reads; a link may lead here.

    Browsers say themselves where a request comes from; what says neither is no
    browser. The rule of Go's net/http.CrossOriginProtection (Valsorda, 2025), for reads too.
    """
    headers = {name.lower(): value for name, value in request.headers.items()}
    _split(headers.get("origin", ""))
    if headers.get("sec-fetch-site") in ("same-origin", "none"):
        headers.pop("origin", None)  # a proxy may have changed the Host that it would be compared with
    if is_foreign(headers) and not is_navigation(request.method, headers):
        abort(403)


async def _add_headers(response: Response) -> Response:
    response.headers.update(_HEADERS)
    return response


def _split(address: str) -> SplitResult:
    try:
        return urlsplit(address)
    except ValueError:
        abort(400)
