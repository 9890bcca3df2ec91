"""State of a batch while it is being settled."""

import asyncio
import time
from collections import deque
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from pipeline.core.errors import Rejected
from pipeline.events.delivery import Arrival, Delivery
from pipeline.events.event import Event
from streams.store import Stored

_CALL_BYTES = 2**20
"""Most bytes of a call to the store, or of one with letters, but for one event that alone has more."""
_CALL_LETTERS = 25
_HEADER_BYTES = 32
"""What a header takes in a letter besides its name and value."""


class Refused(NamedTuple):
    """An arrival that can never be stored, and its event where it is one."""

    arrival: Arrival
    why: Rejected
    event: Event | None = None


class Call(NamedTuple):
    """A call under way: deliveries to the store, or letters to where they are kept."""

    begun: float
    deliveries: Sequence[Delivery] = ()
    letters: Sequence[Refused] = ()


class BatchState:
    """What waits, what is under way, and what is settled and not yet released."""

    def __init__(self, arrivals: Sequence[Arrival]) -> None:
        self.via = arrivals[0].via
        self.waiting: deque[Sequence[Arrival]] = deque([arrivals])
        self.letters: list[Refused] = []
        self.calls: dict[asyncio.Task[Stored], Call] = {}
        self.released_at = time.monotonic()
        self._positions = {id(arrival): position for position, arrival in enumerate(arrivals)}
        self._settled: list[int] = []

    @property
    def events_under_way(self) -> int:
        """How many events are in calls to the store."""
        return sum(len(call.deliveries) for call in self.calls.values())

    @property
    def is_writing_letters(self) -> bool:
        """Whether a call with dead letters is under way."""
        return any(call.letters for call in self.calls.values())

    @property
    def is_settled(self) -> bool:
        """Whether nothing waits and nothing is under way."""
        return not (self.waiting or self.letters or self.calls)

    def next_arrivals(self, most: int) -> Sequence[Arrival]:
        """The first that wait: at most `most`, and so many bytes as a call takes."""
        first = self.waiting.popleft()
        size, count = 0, 0
        for arrival in first[:most]:
            size += len(arrival.body)
            if count and size > _CALL_BYTES:
                break
            count += 1
        if count < len(first):
            self.waiting.appendleft(first[count:])
        return first[:count]

    def next_letters(self) -> Sequence[Refused]:
        """The first letters that wait, in the bounds of a call: with what surrounds a body it may be far larger."""
        size, count = 0, 0
        for letter in self.letters[:_CALL_LETTERS]:
            size += _letter_bytes(letter.arrival)
            if count and size > _CALL_BYTES:
                break
            count += 1
        first, self.letters = self.letters[:count], self.letters[count:]
        return first

    def settled(self, arrivals: Iterable[Arrival]) -> None:
        """These are in the store, or are dead letters."""
        self._settled += [self._positions[id(arrival)] for arrival in arrivals]

    def take_settled(self) -> Sequence[int]:
        """The positions that were settled since the last time."""
        self.released_at = time.monotonic()
        positions, self._settled = self._settled, []
        return positions


def _letter_bytes(arrival: Arrival) -> int:
    """About the bytes of its letter, without base64."""
    size = len(arrival.body) + len(arrival.key or b"")
    size += sum(_HEADER_BYTES + len(name) + len(value or b"") for name, value in arrival.headers or ())
    attributes = (arrival.attributes or {}).values()
    return size + sum(len(each.value or "") + len(each.binary or b"") for each in attributes)
