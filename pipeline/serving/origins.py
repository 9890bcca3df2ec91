"""Origin of a request, by its headers: a program or an own page, or another site's page.

Every page that a browser shows may send requests to this machine. It can't hide that: the browser itself
adds `Origin` and `Sec-Fetch-Site` (Fetch, sections 3.2 and 5.1 of Fetch Metadata), and `Host` is the name in its
address, also where that name was made to lead here (DNS rebinding). Programs send neither of the first two.
"""

import re
from collections.abc import Mapping
from ipaddress import ip_address
from urllib.parse import urlsplit

_ABSOLUTE = re.compile(rb"[A-Za-z][A-Za-z0-9+.\-]*+://([^/?#]*+)")
"""The scheme and the authority of a URI (RFC 3986, section 3)."""
_OWN_SITES = ("same-origin", "none")


def is_loopback(name: str) -> bool:
    """Whether `name`, a host's name or an address, is this machine."""
    if name == "localhost":
        return True
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False


def host_name(host: str) -> str:
    """The name in the value of a Host header, without its port; empty where it has none."""
    try:
        parts = urlsplit(f"//{host}")
    except ValueError:
        return ""
    is_name_and_port = parts.netloc == host and parts.username is None
    return (is_name_and_port and parts.hostname) or ""


def absolute_target(target: bytes) -> tuple[bytes, bytes] | None:
    """The authority of a request target in absolute form, and the same target in origin form; None of another form.

    What the Host header says does not count then (RFC 9112, section 3.2.2).
    """
    if not (found := _ABSOLUTE.match(target)):
        return None
    rest = target[found.end() :]
    return found[1], rest if rest.startswith(b"/") else b"/" + rest


def is_foreign(headers: Mapping[str, str]) -> bool:
    """Whether a request with these headers, by their names in lower case, was sent by another site's page."""
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if site is not None and site not in _OWN_SITES:
        return True
    return origin is not None and _netloc(origin) != headers.get("host", "").lower()


def is_navigation(method: str, headers: Mapping[str, str]) -> bool:
    """Whether a person goes to a page by a link: the page that has the link sees nothing of the answer."""
    return (
        method in ("GET", "HEAD")
        and "origin" not in headers
        and headers.get("sec-fetch-mode") == "navigate"
        and headers.get("sec-fetch-dest") == "document"
    )


def _netloc(origin: str) -> str | None:
    try:
        return urlsplit(origin).netloc.lower() or None
    except ValueError:
        return None
