"""Limit on requests in flight: memory stays bounded at any offered load."""

from types import TracebackType
from typing import Self

from gateway.errors import Overloaded

RETRY_AFTER_S = 1


class InFlightLimit:
    """A bound on events and on bytes of bodies; what is over it is refused at once."""

    def __init__(self, max_events: int, max_bytes: int) -> None:
        self._max_events = max_events
        self._max_bytes = max_bytes
        self.events = 0
        self.size_bytes = 0

    def take(self, events: int, size_bytes: int, held_events: int, held_bytes: int) -> None:
        """Raises Overloaded where that many more don't fit; a request that holds all there is, is alone and fits."""
        are_too_many = self.events + events > self._max_events and self.events > held_events
        are_too_large = self.size_bytes + size_bytes > self._max_bytes and self.size_bytes > held_bytes
        if are_too_many or are_too_large:
            raise Overloaded(
                "the gateway is at its limit of requests in flight: send the same request again a little later",
                RETRY_AFTER_S,
            )
        self.events += events
        self.size_bytes += size_bytes

    def give_back(self, events: int, size_bytes: int) -> None:
        """What was taken is in flight no more."""
        self.events -= events
        self.size_bytes -= size_bytes


class Reservation:
    """One request's share of the limit: its bytes as they come, and its events once its body is whole.

    A request whose body never comes holds nothing.
    """

    __slots__ = ("_events", "_limit", "_size_bytes")

    def __init__(self, limit: InFlightLimit) -> None:
        self._limit = limit
        self._events = 0
        self._size_bytes = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.release()

    def release(self) -> None:
        """Hold nothing any more, before the request has its answer."""
        self._limit.give_back(self._events, self._size_bytes)
        self._events = self._size_bytes = 0

    def grow(self, events: int = 0, size_bytes: int = 0) -> None:
        """Hold more; raises Overloaded."""
        self._limit.take(events, size_bytes, self._events, self._size_bytes)
        self._events += events
        self._size_bytes += size_bytes
