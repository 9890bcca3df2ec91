"""The one clock: UTC, as RFC 3339 text with microseconds."""

import re
import time
from datetime import UTC, datetime, timedelta
from functools import lru_cache

_RFC3339 = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt]((?:[01]\d|2[0-3]):[0-5]\d:)([0-5]\d|60)(?:\.(\d+))?"
    r"([Zz]|[+-](?:[01]\d|2[0-3]):[0-5]\d)\Z",
    re.ASCII,
)
"""RFC 3339, section 5.6, with the ranges of section 5.7."""
_SECOND = timedelta(seconds=1)

_EARLIEST = "2000-01-01T00:00:00.000000Z"
_EARLIEST_MS = 946_684_800_000
_AHEAD = timedelta(days=1)
"""How far another machine's clock may be ahead."""


class OutOfRange(ValueError):
    """A time after RFC 3339 that is not in the years 1 to 9999 of UTC."""


def now() -> datetime:
    """The time now, in UTC."""
    return datetime.now(UTC)


def rfc3339(moment: datetime) -> str:
    """`moment` in UTC as `2026-11-23T15:24:00.123456Z`: 27 characters, so text sorts as time does."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")[:-6] + "Z"


def parse_rfc3339(text: str) -> datetime:
    """The moment that `text` names after RFC 3339, in UTC with microseconds; a leap second is the second after it.

    Raises OutOfRange where UTC's years don't reach the moment, and any other ValueError where it is no
    time after RFC 3339, also where no leap second can be.
    """
    if text.startswith("0000-"):
        parse_rfc3339("2000-" + text[5:])  # a leap year, as the year 0 is
        raise OutOfRange("its year in UTC is not from 1 to 9999")
    if not (parts := _RFC3339.match(text)):
        raise ValueError("not a time after RFC 3339")
    day, minutes, seconds, fraction, zone = parts.groups()
    is_leap = seconds == "60"
    if zone == "Z" and not is_leap:
        return datetime.fromisoformat(text)  # as most are: it cuts the fraction off as is done below
    try:
        moment = datetime.fromisoformat(f"{day}T{minutes}{'59' if is_leap else seconds}{zone.upper()}").astimezone(UTC)
        if is_leap:
            moment += _SECOND
            if (moment.day, moment.hour, moment.minute) != (1, 0, 0):
                raise ValueError("leap seconds are at the end of a month in UTC")
    except OverflowError as error:
        raise OutOfRange("its year in UTC is not from 1 to 9999") from error
    return moment.replace(microsecond=int(fraction[:6].ljust(6, "0"))) if fraction else moment


def from_epoch_ms(milliseconds: int) -> datetime:
    """The moment that Kafka and SQS give as milliseconds since 1970."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def seen_at(milliseconds: int) -> str:
    """The moment of a stamp that others write, as `rfc3339` does; now, where it is none that an event can have."""
    if _EARLIEST_MS <= milliseconds <= time.time() * 1000:
        return _text_of(milliseconds)
    return rfc3339(now())


@lru_cache(1024)
def _text_of(milliseconds: int) -> str:
    """What comes in together has few stamps."""
    return rfc3339(from_epoch_ms(milliseconds))


def plausible(text: str) -> str | None:
    """The moment `text` (RFC 3339) as `rfc3339` writes it; None where no event can have been received then.

    A list that begins with the newest would have an event of the year 9999 on top for ever.
    """
    if _is_plausible(text):
        return text
    try:
        written = rfc3339(parse_rfc3339(text))
    except ValueError:
        return None
    return written if _is_plausible(written) else None


def _is_plausible(text: str) -> bool:
    """As the gateway writes it, which nearly every one does, it is only looked at."""
    if not text.endswith("Z") or text < _EARLIEST:
        return False
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return False
    return moment <= now() + _AHEAD and f"{moment.isoformat(timespec='microseconds')[:-6]}Z" == text
