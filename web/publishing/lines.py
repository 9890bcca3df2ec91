"""JSON lines, each an event: made whole, published, and what became of it."""

import asyncio
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial

import msgspec

from operations.http_api import EdgeUnavailable, Refused
from operations.in_order import InOrder, keys_of
from web.edges import Edges
from web.site.api_translations import Phrase, phrase

MAX_LINES = 500
_AT_ONCE = 8
_SOURCE = "urn:mensageria:web"


@dataclass(frozen=True)
class Line:
    """One line as written, its number in what was given, and the event that it makes."""

    number: int
    written: str
    event: str


@dataclass(frozen=True)
class Outcome:
    """What became of a line: `state` is `accepted`, `refused` or `unsent`, which may be sent again safely."""

    line: Line
    state: str
    source: str = ""
    id: str = ""
    faults: list[tuple[str, Phrase]] = field(default_factory=list)


def read(text: str, form_id: str, first: int) -> list[Line]:
    """The lines of `text`, counted from `first`; a blank one is none.

    One without `specversion`, `id` or `source` is given it. The id is the same whenever
    the same form is sent with the same line at the same place: what was sent twice is stored once.
    """
    written = enumerate(text.replace("\r\n", "\n").split("\n"), first)
    return [
        Line(number, line, _whole(line, f"{form_id}\n{number}\n{line}")) for number, line in written if line.strip()
    ]


def rest(outcomes: Iterable[Outcome], first: int) -> str:
    """What was not accepted, each line still at its place; "" where there is nothing."""
    left = {outcome.line.number: outcome.line.written for outcome in outcomes if outcome.state != "accepted"}
    return "\n".join(left.get(number, "") for number in range(first, max(left, default=first) + 1))


async def publish(edges: Edges, lines: Iterable[Line]) -> list[Outcome]:
    """Publish each line by itself, so that one that is wrong keeps no other back; the outcomes in their order.

    Lines of one `partitionkey` or id go one after the other: behind one that was not sent, the others are not
    sent either.
    """
    given, in_order = list(lines), InOrder[Outcome](_AT_ONCE)
    tasks = [in_order.start(keys_of(line.event), partial(_publish, edges, line)) for line in given]
    ended = await asyncio.gather(*tasks, return_exceptions=True)
    return [_outcome(line, end) for line, end in zip(given, ended, strict=True)]


def _outcome(line: Line, end: Outcome | BaseException) -> Outcome:
    if isinstance(end, EdgeUnavailable):
        return Outcome(line, "unsent")
    if isinstance(end, BaseException):
        raise end
    return end


async def _publish(edges: Edges, line: Line) -> Outcome:
    try:
        accepted = await edges.publish(line.event.encode())
    except Refused as refusal:
        problem = refusal.problem
        faults = [(fault.pointer, phrase(fault.defect)) for fault in problem.errors]
        return Outcome(line, "refused", faults=faults or [("", phrase(problem.defect))])
    return Outcome(line, "accepted", accepted.source, accepted.id)


def _whole(line: str, name: str) -> str:
    try:
        written = msgspec.json.decode(line, type=dict[str, msgspec.Raw])
    except (msgspec.DecodeError, RecursionError):
        return line  # the gateway says what is wrong with it
    given = {"specversion": "1.0", "id": str(uuid.uuid5(uuid.NAMESPACE_OID, name)), "source": _SOURCE}
    if given.keys() <= written.keys():
        return line
    return msgspec.json.encode(given | written).decode()
