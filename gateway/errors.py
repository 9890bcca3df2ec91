"""Errors that the gateway alone raises: what it refuses, and what it cannot do now."""

from itertools import islice

from pipeline.core.errors import (
    MAX_DETAIL_CHARACTERS,
    MAX_FAULTS,
    DefectError,
    MensageriaError,
    UnsupportedMediaType,
)
from pipeline.core.faults import cut


class TooLarge(DefectError):
    """An event, or a whole request, is over the limit that its text names."""


class UnsupportedCoding(UnsupportedMediaType):
    """The request's body is coded in a way that is not taken."""


class InvalidBatch(MensageriaError):
    """Events of a batch that cannot be published: none of the batch is."""

    def __init__(self, errors: dict[int, MensageriaError]) -> None:
        first = "; ".join(f"event {index}: {error}" for index, error in islice(errors.items(), MAX_FAULTS))
        super().__init__(cut(first, MAX_DETAIL_CHARACTERS))
        self.errors = errors


class TryLater(MensageriaError):
    """A request that would be taken at another time: the text says why."""

    retriable = True

    def __init__(self, detail: str, retry_after_s: float) -> None:
        super().__init__(detail)
        self.retry_after_s = retry_after_s


class Overloaded(TryLater):
    """The process has as much in flight as it may hold."""


class RateLimited(TryLater):
    """A key has published more than its rate, or follows as much as it may."""


class LegUnavailable(MensageriaError):
    """A leg of the gateway did not acknowledge the event in time."""

    retriable = True

    def __init__(self, leg: str, detail: str) -> None:
        super().__init__(f"{leg}: {detail}")
        self.leg = leg


class LegRefused(MensageriaError):
    """A leg of the gateway will never take the event: it is there, and says no to the content."""

    def __init__(self, leg: str, detail: str) -> None:
        super().__init__(f"{leg}: {detail}")
        self.leg = leg
