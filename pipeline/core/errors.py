"""The root of the project's errors, and those that more than one package raises or handles.

What one package alone raises is defined there, beside it or in its module `errors`.

An error says of itself whether a retry can help: `retriable`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import chain, islice
from typing import ClassVar

from pipeline.core import faults
from pipeline.core.faults import MAX_FAULT_CHARACTERS, Defect, Value, cut, sentence

MAX_FAULTS = 20
"""Most faults of one event that are listed; the others are counted. An event of 250 KB can have 30,000."""
MAX_DETAIL_CHARACTERS = 4096
"""Of an error's text in an answer or in a dead letter."""


class MensageriaError(Exception):
    """The root: catch it where any failure of the project's own is meant."""

    retriable: ClassVar[bool] = False


class SettingsError(MensageriaError):
    """A setting is missing or wrong; the text names each one and what to do."""


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong with an event.

    `pointer` is a JSON pointer (RFC 6901) into the event, cut at MAX_FAULT_CHARACTERS; "" is the event itself.
    """

    pointer: str
    defect: Defect

    def __post_init__(self) -> None:
        object.__setattr__(self, "pointer", cut(self.pointer, MAX_FAULT_CHARACTERS))

    @property
    def code(self) -> str:
        """Its kind, of `pipeline.core.faults`."""
        return self.defect.code

    @property
    def detail(self) -> str:
        """What is wrong, in English."""
        return self.defect.detail

    @property
    def parameters(self) -> Mapping[str, Value]:
        """The values that stand in `detail`."""
        return self.defect.parameters


class DefectError(MensageriaError):
    """Something that is wrong with the whole of what was sent."""

    def __init__(self, defect: Defect) -> None:
        super().__init__(defect.detail)
        self.defect = defect


class MalformedEvent(DefectError):
    """The bytes are not JSON that can be an event: nothing in it can be pointed at."""

    def declared_by(self, _: str) -> "MalformedEvent":
        """The same error for bytes that the header given declares to be JSON."""
        return self


class NotJson(MalformedEvent):
    """The bytes are not JSON; `header` is the one that says they are, where one does."""

    def __init__(self, defect: Defect, header: str = "") -> None:
        super().__init__(defect)
        self.header = cut(header, MAX_FAULT_CHARACTERS)

    def __str__(self) -> str:
        return (
            f"{self.defect.detail}; the header {self.header} says that it is JSON" if self.header else super().__str__()
        )

    def declared_by(self, header: str) -> "NotJson":
        """The same error, which names `header` unless it names one already."""
        return self if self.header else NotJson(self.defect, header)


class InvalidEvent(MensageriaError):
    """Well-formed JSON that is not a CloudEvents 1.0 event: its first MAX_FAULTS faults, and how many `more`."""

    def __init__(self, faults: Iterable[Fault], more: int = 0) -> None:
        remaining = iter(faults)
        self.faults = list(islice(remaining, MAX_FAULTS))
        self.more = more + sum(1 for _ in remaining)
        super().__init__("; ".join(sentence(fault.pointer, fault.detail) for fault in self.listed()))

    def after(self, faults: Iterable[Fault]) -> "InvalidEvent":
        """The same error with `faults` before its own; what they point at has no other fault."""
        first = list(faults)
        named = {fault.pointer for fault in first}
        return InvalidEvent(chain(first, (fault for fault in self.faults if fault.pointer not in named)), self.more)

    def within(self, place: str) -> "InvalidEvent":
        """The same error of what is at the pointer `place` of an event."""
        return InvalidEvent([Fault(place + fault.pointer, fault.defect) for fault in self.faults], self.more)

    def listed(self, most: int = MAX_FAULTS) -> list[Fault]:
        """The first `most` faults, and one that says how many more there are."""
        more = self.more + max(0, len(self.faults) - most)
        return self.faults[:most] + ([Fault("", faults.MORE(count=more))] if more else [])


def raise_any(faults: Iterable[Fault]) -> None:
    """Raise InvalidEvent with `faults` where there are any."""
    remaining = iter(faults)
    if (first := next(remaining, None)) is not None:
        raise InvalidEvent(chain((first,), remaining))


class UnsupportedMediaType(MensageriaError):
    """The request's content type or encoding is none that can hold an event."""


class NoKey(MensageriaError):
    """A request without a key, or with one that nobody has."""


class KeyRevoked(MensageriaError):
    """A request with a key that was taken back."""


class InvalidParameters(MensageriaError):
    """A request's parameters that are wrong: what is wrong with each, by its name, of the first MAX_FAULTS."""

    def __init__(self, faults: Mapping[str, Defect]) -> None:
        self.faults = {cut(name, MAX_FAULT_CHARACTERS): fault for name, fault in islice(faults.items(), MAX_FAULTS)}
        super().__init__("; ".join(sentence(name, fault.detail) for name, fault in self.faults.items()))


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
        self.reason = reason
        self.detail = cut(detail, MAX_DETAIL_CHARACTERS)
        super().__init__(f"{reason}: {self.detail}")
