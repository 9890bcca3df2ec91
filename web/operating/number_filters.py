"""Template filters for the numbers of /pipeline."""

import re
from datetime import timedelta

from babel.dates import format_timedelta
from babel.numbers import format_decimal
from quart import Quart

from web.operating.state import Age, Waiting
from web.site import languages, template_filters
from web.site.languages import gettext, marked

_AGES = {"exactly": "%(age)s", "at_most": marked("at most %(age)s"), "at_least": marked("at least %(age)s")}
_UNKNOWN, _NOTHING = "?", "\N{EN DASH}"
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")


def install(app: Quart) -> None:
    """Give the templates these formats as filters."""
    for filter_ in (rate, seconds, count, oldest, visible):
        app.add_template_filter(filter_, filter_.__name__)


def rate(per_second: float) -> str:
    """Events a second, to three digits or to the whole number."""
    pattern = "#,##0" if per_second >= 100 else "#,##0.##"
    return format_decimal(per_second, pattern, locale=languages.current().locale)


def seconds(length: float) -> str:
    """A length of time given in seconds."""
    return template_filters.duration(timedelta(seconds=length))


def count(number: int | None) -> str:
    """A whole number; `?` where it is not known."""
    return _UNKNOWN if number is None else format_decimal(number, locale=languages.current().locale)


def visible(text: str) -> str:
    """`text` with what is not seen, but for white space, as escapes."""
    return template_filters.pretty(_CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", text))


def oldest(waiting: Waiting) -> str:
    """The age of the oldest of what waits, as far as it is known."""
    if waiting.waiting is None or (waiting.oldest is None and _any(waiting)):
        return _UNKNOWN
    return _age(waiting.oldest) if waiting.oldest else _NOTHING


def _any(waiting: Waiting) -> bool:
    return bool(waiting.waiting or waiting.in_flight)


def _age(age: Age) -> str:
    whole = format_timedelta(timedelta(seconds=age.seconds), threshold=1.5, locale=languages.current().locale)
    return gettext(_AGES[age.bound]) % {"age": whole}
