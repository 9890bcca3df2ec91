"""Template filters for times, durations and JSON."""

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

from babel.dates import format_datetime
from babel.numbers import format_decimal
from quart import Quart

from pipeline.core.clock import rfc3339
from web.site import languages

_BIDI_CONTROL = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_MINUTE_S = 60
_STORES = {"postgres": "PostgreSQL", "dynamodb": "DynamoDB"}


def install(app: Quart) -> None:
    """Give the templates these formats as filters."""
    for filter_ in (moment, clock_time, local_time, duration, number, pretty, store_name, rfc3339):
        app.add_template_filter(filter_, filter_.__name__)


def moment(when: datetime) -> str:
    """Day and time to the second, in UTC."""
    return f"{format_datetime(when, 'd MMM y, HH:mm:ss', locale=languages.current().locale)} UTC"


def clock_time(when: datetime) -> str:
    """Time of day to the millisecond, in UTC."""
    return format_datetime(when, "HH:mm:ss.SSS", locale=languages.current().locale)


def in_utc(text: str) -> datetime | None:
    """The moment that a time of an address means, which is in UTC where it names no zone; None where it is none."""
    try:
        when = datetime.fromisoformat(text)
        return when.astimezone(UTC) if when.tzinfo else when.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None


def local_time(text: str) -> str:
    """A time of an address as a browser's `datetime-local` field takes it; "" where it is none."""
    when = in_utc(text)
    return when.replace(tzinfo=None).isoformat(timespec="seconds") if when else ""


def duration(length: timedelta) -> str:
    """`85 ms`, `1.25 s` or `3.5 min`; never below zero, whatever two clocks say."""
    seconds = max(length.total_seconds(), 0)
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    number, unit = (seconds, "s") if seconds < _MINUTE_S else (seconds / _MINUTE_S, "min")
    return f"{format_decimal(number, '#,##0.##', locale=languages.current().locale)} {unit}"


def number(count: int) -> str:
    """A whole number with its thousands apart."""
    return format_decimal(count, locale=languages.current().locale)


def pretty(value: Any) -> str:
    """A string as it is, anything else as indented JSON.

    Characters that turn the direction of text are shown as escapes: with them an
    event could show a reader other data than it has (CVE-2021-42574).
    """
    text = value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False)
    return _BIDI_CONTROL.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def store_name(store: str) -> str:
    """The name that people know a store by."""
    return _STORES.get(store, store)
