"""Progress of an event, by the reports of services B and C."""

from typing import Any

from pipeline.core.ways import WAYS
from pipeline.events.receipts import Report

_WAYS = tuple((way.store, way.via) for way in WAYS)


class Progress:
    """Where one event has got to."""

    __slots__ = ("_copies", "_received_at", "dead_letters")

    def __init__(self, received_at: str | None = None) -> None:
        self._received_at = received_at
        self._copies: dict[tuple[str, str], dict[str, Any]] = {}
        self.dead_letters: list[dict[str, str]] = []

    @property
    def is_complete(self) -> bool:
        """Whether every way has stored it."""
        return len(self._copies) == len(_WAYS)

    @property
    def is_settled(self) -> bool:
        """Whether every way has stored it, or made it a dead letter."""
        refused = {(letter["store"], letter["via"]) for letter in self.dead_letters}
        return len(self._copies.keys() | refused) == len(_WAYS)

    def take(self, report: Report) -> None:
        """Note what a service reports, however often it does."""
        way = (report.store, report.via)
        if report.dead_letter is not None:
            letter = {"store": report.store, "via": report.via, "reason": report.dead_letter}
            if letter not in self.dead_letters and len(self.dead_letters) < len(_WAYS):
                self.dead_letters.append(letter)
        elif way in _WAYS:
            self._copies[way] = {"stored_at": report.stored_at, "via": report.via, "origin": report.origin}
            if report.received_at and (report.store == "postgres" or not self._received_at):
                self._received_at = report.received_at

    def known(self) -> dict[str, Any]:
        """What is known of it: its receipt, and its dead letters where there are some."""
        letters = {"dead_letters": self.dead_letters} if self.dead_letters else {}
        return {"receipt": self.receipt(), **letters}

    def receipt(self) -> dict[str, Any]:
        """The receipt, as GET /event of the query has it."""
        return {
            "received_at": self._received_at,
            "postgres": self._copies.get(("postgres", "sqs")),
            "dynamodb": {via: self._copies.get(("dynamodb", via)) for via in ("sqs", "kafka")},
        }
