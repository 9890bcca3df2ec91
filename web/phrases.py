"""What the gateway and the query say in English, in the reader's language."""

import re
from dataclasses import dataclass

from web.languages import gettext, marked

_KNOWN = (
    marked("is required"),
    marked("must not be empty"),
    marked("must be a string"),
    marked('must be "1.0"'),
    marked("is longer than %(most)s bytes of UTF-8"),
    marked("an event is a JSON object"),
    marked("nested deeper than %(levels)s levels"),
    marked("a whole number in an attribute has 32 bits: send it as a string"),
    marked("an attribute is a string, a whole number or a boolean: put other values into data"),
    marked("an attribute's name has only lower-case letters a-z and digits"),
    marked("has the character %(character)s, which an attribute may not have"),
    marked("has the character %(character)s, which PostgreSQL cannot keep: send it in data_base64"),
    marked("has the character %(character)s, which no event can have here"),
    marked("must be a time after RFC 3339 with its zone, such as %(example)s (in a URL, + is %%2B)"),
    marked("must be a time after RFC 3339 with its zone, such as %(example)s"),
    marked("stands beside data: send one of them"),
    marked("must be a string in base64 (RFC 4648)"),
    marked("the number %(number)s is out of range: send it as a string"),
    marked("a number has more than %(most)s digits: send it as a string"),
    marked("the name %(name)s stands twice in an object"),
    marked("not JSON: it starts with a byte order mark; send it without"),
    marked("not JSON: it has NaN, Infinity or an escape that is no character (a lone surrogate)"),
    marked("not JSON in UTF-8: %(reason)s: line %(line)s column %(column)s (char %(char)s)"),
    marked("must be one of %(choices)s"),
    marked("is after `to`: exchange them"),
    marked("is not from this list: take `next` of a page with the same parameters"),
)


@dataclass(frozen=True)
class Phrase:
    """A text to show; one that is not translated is in English."""

    text: str
    is_translated: bool


def phrase(said: str) -> Phrase:
    """What was `said`, where it is known, with the values that stand in it as they are."""
    for known, pattern in _PATTERNS.items():
        if found := pattern.fullmatch(said):
            return Phrase(gettext(known) % found.groupdict(), is_translated=True)
    return Phrase(said, is_translated=False)


def _pattern(text: str) -> re.Pattern[str]:
    fixed_and_names = re.split(r"%\((\w+)\)s", text.replace("%%", "%"))
    parts = (f"(?P<{part}>.+)" if at % 2 else re.escape(part) for at, part in enumerate(fixed_and_names))
    return re.compile("".join(parts), re.DOTALL)


_PATTERNS = {text: _pattern(text) for text in _KNOWN}
