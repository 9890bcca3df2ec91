"""What a client asked for and was told, written to disk before and after each attempt.

One JSON object a line: `{"attempt", "at", "events": [[id, hash], …]}` before a request is sent,
`{"attempt", "at", "status" | "error"}` after it, `{"poison", "at", "service", "via"}` for what was put
into a queue or topic and is no event, `{"foreign": [id, hash], "at"}` for an event that is put into the
topic past the gateway. The checker believes nothing else about what was sent.
"""

import hashlib
import json
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ACCEPTED = 202
Named = tuple[str, str]
"""An event's id and the hash of its content."""
Way = tuple[str, str]
"""A service and the way by which it is reached: ("service-b", "sqs")."""


def content_hash(event: Mapping[str, Any]) -> str:
    """SHA-256 of the event without regard to white space and the order of names."""
    return raw_hash(json.dumps(event, sort_keys=True, separators=(",", ":")).encode())


def raw_hash(body: bytes) -> str:
    """SHA-256 of what is no event."""
    return hashlib.sha256(body).hexdigest()


class Journal:
    """The file of one run, written line by line: a line is with the system before the call goes on."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._file = file.open("ab", buffering=0)
        self._attempts = 0

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def sending(self, events: Sequence[Named]) -> int:
        """A request with `events` is about to be sent; the attempt's number."""
        self._attempts += 1
        self._write({"attempt": self._attempts, "at": time.time(), "events": events})
        return self._attempts

    def answered(self, attempt: int, status: int, pending: int = 0) -> None:
        """It was answered; `pending` of its events were accepted while a broker was out."""
        self._write({"attempt": attempt, "at": time.time(), "status": status, "pending": pending})

    def failed(self, attempt: int, error: Exception) -> None:
        """It was not answered: whether it was carried out, nobody knows."""
        self._write({"attempt": attempt, "at": time.time(), "error": repr(error)})

    def poison(self, body: bytes, way: Way) -> None:
        """`body`, which is no event, was put in the way of a service."""
        self._write({"poison": raw_hash(body), "at": time.time(), "service": way[0], "via": way[1]})

    def foreign(self, id_: str, hash_: str) -> None:
        """An event is put into the topic past the gateway, until it is there."""
        self._write({"foreign": [id_, hash_], "at": time.time()})

    def _write(self, line: dict[str, Any]) -> None:
        self._file.write(json.dumps(line).encode() + b"\n")


@dataclass
class Attempt:
    """One request: when it was sent and ended (epoch seconds), with which events, and what it was told."""

    sent_at: float
    events: list[Named]
    ended_at: float | None = None
    status: int | None = None
    pending: int = 0

    @property
    def is_refused(self) -> bool:
        """Whether it was found to be wrong itself: no retry helps."""
        return self.status is not None and 400 <= self.status < 500


@dataclass
class Told:
    """A journal, read: the contents of each id that were tried and those that were accepted, and the poison."""

    attempts: list[Attempt] = field(default_factory=list)
    tried: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    accepted: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    poison: dict[Way, set[str]] = field(default_factory=lambda: defaultdict(set))
    foreign: dict[str, set[str]] = field(default_factory=dict)
    """What was put into the topic past the gateway: it has to be in DynamoDB by Kafka, and nowhere else."""

    @property
    def answered(self) -> list[Attempt]:
        """The requests that were answered."""
        return [attempt for attempt in self.attempts if attempt.status is not None]

    @property
    def accepted_share(self) -> float:
        """Of the requests that were answered."""
        return sum(attempt.status == ACCEPTED for attempt in self.answered) / len(self.answered)

    @property
    def slowest_s(self) -> float:
        """The longest that an answer took."""
        return max((attempt.ended_at or 0) - attempt.sent_at for attempt in self.answered)

    @property
    def events_accepted(self) -> int:
        """How many contents were answered with 202, each counted once."""
        return sum(map(len, self.accepted.values()))


def read(file: Path) -> Told:
    """The journal in `file`."""
    told, attempts = Told(), dict[int, Attempt]()
    for line in _lines(file):
        if "poison" in line:
            told.poison[line["service"], line["via"]].add(line["poison"])
        elif "foreign" in line:
            id_, hash_ = line["foreign"]
            told.foreign[id_] = {hash_}
        elif "events" in line:
            attempts[line["attempt"]] = Attempt(line["at"], [(id_, hash_) for id_, hash_ in line["events"]])
        else:
            attempts[line["attempt"]].ended_at = line["at"]
            attempts[line["attempt"]].status = line.get("status")
            attempts[line["attempt"]].pending = line.get("pending", 0)
    told.attempts = list(attempts.values())
    for attempt in told.attempts:
        for id_, hash_ in attempt.events:
            told.tried[id_].add(hash_)
            if attempt.status == ACCEPTED:
                told.accepted[id_].add(hash_)
    return told


def _lines(file: Path) -> Iterator[dict[str, Any]]:
    with file.open("rb") as lines:
        for line in lines:
            yield json.loads(line)
