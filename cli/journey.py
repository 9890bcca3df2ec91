"""An event's progress by each of its three ways: from its receipt, and where that ends, from the backlog."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Literal

import msgspec

from cli.status import Finding
from operations.dead_letters import DeadLetter
from pipeline.core import trace_context
from pipeline.core.identity import Identity
from pipeline.core.ways import WAYS, Way

State = Literal["stored", "dead_letter", "waiting", "unknown"]
"""`unknown`: the store was asked and did not answer."""


class _Event(msgspec.Struct):
    type: str | None = None


@dataclass(frozen=True, kw_only=True)
class Progress:
    """What is known of one way; `after_ms` counts from when the gateway took the event."""

    waits_in: str
    service: str
    store: str
    via: str
    state: State
    stored_at: str | None = None
    after_ms: float | None = None
    origin: dict[str, Any] = field(default_factory=dict)
    dead_letters: list[dict[str, str]] = field(default_factory=list)
    detail: str = ""


@dataclass(frozen=True, kw_only=True)
class Journey:
    """All of it; `received_at` is None where no store has the event."""

    source: str
    id: str
    type: str | None
    received_at: str | None
    trace_id: str | None
    complete: bool
    conflict: bool
    ways: list[Progress]

    def shown(self) -> dict[str, Any]:
        """As JSON shows it."""
        return asdict(self)


def is_whole(record: dict[str, Any] | None) -> bool:
    """Whether the receipt alone is enough: every way has stored the event, with one content."""
    return bool(record and record["complete"] and not record["conflict"])


def of(
    identity: Identity, record: dict[str, Any] | None, letters: Sequence[DeadLetter], found: Sequence[Finding]
) -> Journey:
    """The journey: `record` is the answer of the query, `letters` are those of the event, `found` is what waits."""
    source, id_ = identity
    receipt = record["receipt"] if record else {}
    findings = {finding.part: finding for finding in found}
    ways = [_progress(way, record, [each for each in letters if each.place == way.key], findings) for way in WAYS]
    carried = [way.origin.get("traceparent") for way in ways] + [each.envelope.traceparent for each in letters]
    return Journey(
        source=source,
        id=id_,
        type=msgspec.json.decode(record["event"], type=_Event).type if record else None,
        received_at=receipt.get("received_at"),
        trace_id=next((context.trace_id for each in carried if (context := trace_context.parse(each))), None),
        complete=bool(record and record["complete"]),
        conflict=bool(record and record["conflict"]),
        ways=ways,
    )


def _progress(
    way: Way, record: dict[str, Any] | None, letters: Sequence[DeadLetter], findings: dict[str, Finding]
) -> Progress:
    copy = _copy(way, record) or {}
    dead_letters = [{"key": each.key, "reason": each.envelope.reason} for each in letters]
    state, detail = _state(way, copy, record, bool(letters)), ""
    waits_in = f"queue {way.queue}" if way.queue else way.broker
    if state == "waiting":
        detail = "; ".join(filter(None, (_waits(findings.get(waits_in)), _is_out(findings.get(way.service)))))
    return Progress(
        waits_in=waits_in,
        service=way.service,
        store=way.store,
        via=way.via,
        state=state,
        stored_at=copy.get("stored_at"),
        after_ms=_ms(record["receipt"]["received_at"], copy["stored_at"]) if record and copy else None,
        origin=copy.get("origin", {}),
        dead_letters=dead_letters,
        detail=detail,
    )


def _copy(way: Way, record: dict[str, Any] | None) -> dict[str, Any] | None:
    if not record:
        return None
    stored = record["receipt"][way.store]
    copy: dict[str, Any] | None = stored if way.store == "postgres" else (stored or {}).get(way.via)
    return copy


def _state(way: Way, copy: dict[str, Any], record: dict[str, Any] | None, is_dead: bool) -> State:
    if copy:
        return "stored"
    if is_dead:
        return "dead_letter"
    return "unknown" if record and way.store in record["unavailable"] else "waiting"


def _waits(finding: Finding | None) -> str:
    if not finding or not finding.ok:
        return f"what waits is not known: {finding.detail}" if finding else ""
    in_work = f", {finding.in_flight} in work" if finding.in_flight else ""
    return f"{finding.waiting} wait there{in_work}"


def _is_out(finding: Finding | None) -> str:
    return f"{finding.part} is out: {finding.detail}" if finding and not finding.ok else ""


def _ms(since: str, until: str) -> float:
    return round((datetime.fromisoformat(until) - datetime.fromisoformat(since)).total_seconds() * 1000, 1)
