"""An event's journey: the three ways that it goes, and how far it is on each."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from pipeline.core import ways
from web.answers import Copies, Copy, Record


def _hops(way: ways.Way) -> tuple[str, ...]:
    queue = (f"queue_{way.queue}",) if way.queue else ()
    return ("gateway", way.broker, *queue, way.service.replace("-", "_"), way.store)


WAYS = {way.name: _hops(way) for way in ways.WAYS}
"""Each way's hops, from the gateway to a store."""

_LEGS = {way.broker: ("gateway", way.broker) for way in ways.WAYS}


@dataclass(frozen=True)
class Journey:
    """How far an event is.

    `copies` by the names of WAYS; `passed` the links that it has gone; `late` the hops that
    should have passed it on; `down` the services and stores among them that do not answer.
    """

    received_at: datetime | None
    copies: dict[str, Copy]
    passed: frozenset[tuple[str, str]]
    late: frozenset[str] = frozenset()
    down: frozenset[str] = frozenset()

    @classmethod
    def of(
        cls, record: Record | None, accepted_at: datetime | None, pending: frozenset[str] = frozenset()
    ) -> "Journey":
        """The journey of a receipt, and of the gateway's 202 at `accepted_at`, when the legs `pending` were out."""
        copies = _copies(record) if record else {}
        passed = {link for way in copies for link in links(way)}
        if accepted_at:
            passed |= {link for leg, link in _LEGS.items() if leg not in pending}
        return cls(record.receipt.received_at if record else accepted_at, copies, frozenset(passed))

    def delayed(self, down: frozenset[str]) -> "Journey":
        """The same where what is missing is late; `down` are the services and stores that do not answer."""
        late = {hop for way in WAYS if way not in self.copies for hop in WAYS[way][-2:]}
        return replace(self, late=frozenset(late), down=down & late)

    @property
    def hops(self) -> frozenset[str]:
        """The hops that it has reached."""
        return frozenset(hop for link in self.passed for hop in link)

    @property
    def elapsed(self) -> timedelta | None:
        """From the gateway to the last store that has it; None while none has."""
        return max(filter(None, (self.since(way) for way in self.copies)), default=None)

    def since(self, way: str) -> timedelta | None:
        """From the gateway to the store by one way; None where it is not there."""
        if way not in self.copies or not self.received_at:
            return None
        return self.copies[way].stored_at - self.received_at

    def state(self, hop: str) -> str:
        """`passed`, `waiting`, `late`, `down`, or `partly`: reached by one of the two ways that end there."""
        if hop in self.down:
            return "down"
        if hop in self.late:
            return "late"
        if hop not in self.hops:
            return "waiting"
        arriving = [way for way, hops in WAYS.items() if hops[-1] == hop]
        return "passed" if all(way in self.copies for way in arriving) else "partly"


def links(way: str) -> tuple[tuple[str, str], ...]:
    """The pairs of neighbours on a way."""
    return tuple(zip(WAYS[way], WAYS[way][1:], strict=False))


def missing(record: Record | None) -> set[str]:
    """The names of the ways by which an event is in no store yet."""
    return WAYS.keys() - (_copies(record) if record else {}).keys()


def _copies(record: Record) -> dict[str, Copy]:
    dynamodb = record.receipt.dynamodb or Copies()
    by_via = {None: record.receipt.postgres, "sqs": dynamodb.sqs, "kafka": dynamodb.kafka}
    found = {way.name: by_via[way.copy] for way in ways.WAYS}
    return {way: copy for way, copy in found.items() if copy}
