"""The header Prefer (RFC 7240): of its preferences the gateway knows `wait`."""

import re

from gateway.inbound import Inbound, decoded

MAX_WAIT_S = 30
APPLIED = {"preference-applied": "wait"}

_ELEMENT = re.compile(r'(?:[^",]|"(?:[^"\\]|\\.)*+"?)++', re.DOTALL)
"""What stands between two commas, of which a quoted string may hold some."""

_PREFERENCE = re.compile(
    r"""[ \t]*+(?P<name>[!#$%&'*+.^_`|~0-9A-Za-z-]++)[ \t]*+
    (?:=[ \t]*+(?:"(?P<quoted>(?:[^"\\]|\\.)*+)"|(?P<token>[!#$%&'*+.^_`|~0-9A-Za-z-]*+))[ \t]*+)?+(?:;|\Z)""",
    re.VERBOSE | re.DOTALL,
)


def wait_s(inbound: Inbound) -> int | None:
    """How many seconds, at most MAX_WAIT_S, the sender waits until its events are stored; None where it doesn't ask.

    What isn't understood is ignored, and of a preference that stands there twice the first one
    counts (RFC 7240, section 2).
    """
    values = [decoded(value) for name, value in inbound.headers if name == b"prefer"]
    for element in _ELEMENT.findall(",".join(values)) if values else ():
        preference = _PREFERENCE.match(element)
        if preference and preference["name"].lower() == "wait":
            return _seconds(preference["quoted"] or preference["token"] or "")
    return None


def _seconds(value: str) -> int | None:
    """Delta-seconds (RFC 9110, section 10.2.3)."""
    if not (value.isascii() and value.isdecimal()):
        return None
    significant = value.lstrip("0")
    return MAX_WAIT_S if len(significant) > len(str(MAX_WAIT_S)) else min(int(significant or "0"), MAX_WAIT_S)
