"""Every error that the project raises on purpose, as one small tree.

An error says of itself whether a retry can help: `retriable`.
"""

from dataclasses import dataclass
from typing import ClassVar


class MensageriaError(Exception):
    """The root: catch it where any failure of the project's own is meant."""

    retriable: ClassVar[bool] = False


class SettingsError(MensageriaError):
    """A setting is missing or wrong; the text names each one and what to do."""


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong with an event.

    `pointer` is a JSON pointer (RFC 6901) into the event; "" is the event itself.
    """

    pointer: str
    detail: str


class MalformedEvent(MensageriaError):
    """The bytes are not JSON that can be an event: nothing in it can be pointed at."""


class InvalidEvent(MensageriaError):
    """Well-formed JSON that is not a CloudEvents 1.0 event."""

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__("; ".join(f"{fault.pointer or '/'}: {fault.detail}" for fault in faults))
        self.faults = faults


class TooLarge(MensageriaError):
    """An event, or a whole request, is over the limit that its text names."""


class UnsupportedMediaType(MensageriaError):
    """The request's content type or encoding is none that can hold an event."""


class InvalidBatch(MensageriaError):
    """Events of a batch that cannot be published: none of the batch is."""

    def __init__(self, errors: dict[int, MensageriaError]) -> None:
        super().__init__("; ".join(f"event {index}: {error}" for index, error in errors.items()))
        self.errors = errors


class NoKey(MensageriaError):
    """A request without a key, or with one that nobody has."""


class KeyRevoked(MensageriaError):
    """A request with a key that was taken back."""


class TryLater(MensageriaError):
    """A request that would be taken at another time: the text says why."""

    retriable = True

    def __init__(self, detail: str, retry_after_s: float) -> None:
        super().__init__(detail)
        self.retry_after_s = retry_after_s


class Overloaded(TryLater):
    """The process has as much in flight as it may hold."""


class RateLimited(TryLater):
    """A key has published more than its rate."""


class InvalidParameters(MensageriaError):
    """A request's parameters that are wrong: what is wrong with each, by its name."""

    def __init__(self, faults: dict[str, str]) -> None:
        super().__init__("; ".join(f"{name} {fault}" for name, fault in faults.items()))
        self.faults = faults


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


class StoreUnavailable(MensageriaError):
    """A store cannot be used now: a consumer waits, and nothing moves; the query answers without it."""

    retriable = True


class QueueUnavailable(MensageriaError):
    """SQS or Kafka cannot be used now: what is there waits, and what was begun can be begun again."""

    retriable = True


class ReceiptExpired(QueueUnavailable):
    """Messages were received too long ago to be dealt with by their receipts: they come again."""


class AccessRefused(MensageriaError):
    """A cluster is there and refuses this process, or a right that it needs: the text says which."""


class MessageRefused(MensageriaError):
    """SQS will never take this message: another one it may."""


class Rejected(MensageriaError):
    """A store will never take this event: it becomes a dead letter."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail
