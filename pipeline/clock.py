"""The one clock: UTC, as RFC 3339 text with microseconds."""

from datetime import UTC, datetime


def now() -> datetime:
    """The time now, in UTC."""
    return datetime.now(UTC)


def rfc3339(moment: datetime) -> str:
    """`moment` in UTC as `2026-11-23T15:24:00.123456Z`: 27 characters, so text sorts as time does."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")[:-6] + "Z"


def from_epoch_ms(milliseconds: int) -> datetime:
    """The moment that Kafka and SQS give as milliseconds since 1970."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def is_rfc3339(text: str) -> bool:
    """Whether `text` is a moment as `rfc3339` writes it, to the letter."""
    try:
        return rfc3339(datetime.fromisoformat(text)) == text
    except (ValueError, OverflowError):
        return False
