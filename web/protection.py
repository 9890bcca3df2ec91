"""What keeps other sites' pages and hostile events from acting through these pages."""

from ipaddress import ip_address
from urllib.parse import urlsplit

from quart import Quart, Response, abort, request

from pipeline.settings import WebSettings

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
    """Guard every request and every answer of `app`."""
    if _is_loopback(settings.host):
        app.before_request(_refuse_foreign_names)
    app.before_request(_refuse_other_sites)
    app.after_request(_add_headers)


async def _refuse_foreign_names() -> None:
    # A site whose name leads to 127.0.0.1 (DNS rebinding) would be of our own origin.
    if not _is_loopback(urlsplit(f"//{request.host}").hostname or ""):
        abort(403)


async def _refuse_other_sites() -> None:
    """No form of another site posts here.

    Browsers say themselves where a request comes from; what says neither is no
    browser. The rule of Go's net/http.CrossOriginProtection (Valsorda, 2025).
    """
    if request.method in ("GET", "HEAD", "OPTIONS"):
        return
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    is_own = site in ("same-origin", "none") if site else not origin or urlsplit(origin).netloc == request.host
    if not is_own:
        abort(403)


async def _add_headers(response: Response) -> Response:
    response.headers.update(_HEADERS)
    return response


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
