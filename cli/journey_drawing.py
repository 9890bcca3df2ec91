"""An event's journey as a drawing of some lines, at most 80 columns where its names allow it."""

from collections.abc import Iterator

from rich.text import Text

from cli.journey import Journey, Progress
from cli.output import plain
from pipeline.core.ways import SERVICE_B, SERVICE_C

_STORES = {"postgres": "PostgreSQL", "dynamodb": "DynamoDB"}
_SERVICES = {SERVICE_B: "service B", SERVICE_C: "service C"}
_STATES = {"stored": "green", "dead_letter": "red", "waiting": "yellow", "unknown": "yellow"}
_ASCII = str.maketrans("├└│┬─·", "|`|+-.")
_BRANCHES = (
    ("├─ SNS ──┬─ queue b", "│        │"),
    ("│        └─ queue c", "│         "),
    ("└─ Kafka ─── topic  ", "          "),
)


def lines(journey: Journey) -> Iterator[Text]:
    """The drawing, line after line; what the event itself says is made harmless."""
    yield Text(plain(f"{journey.id}  of {journey.source}" + (f", {journey.type}" if journey.type else "")), "bold")
    if journey.trace_id:
        yield Text(f"trace {journey.trace_id}", "dim")
    yield Text()
    yield Text("gateway  " + (f"took it at {journey.received_at}" if journey.received_at else "(no store has it)"))
    for (branch, below), way in zip(_BRANCHES, journey.ways, strict=True):
        yield _hops(branch, way)
        for told in _told(way):
            yield Text(f"{below}     {plain(told)}", "dim")
    yield Text()
    yield _verdict(journey)


def in_ascii(line: Text) -> Text:
    """The same line, its strokes drawn with ASCII."""
    drawn = line.copy()
    drawn.plain = line.plain.translate(_ASCII)
    return drawn


def _hops(branch: str, way: Progress) -> Text:
    line = Text(branch)
    if way.state == "stored":
        line.append(f" ── {_SERVICES[way.service]} ── {_STORES[way.store]:<10}")
        return line.append(f"  {_after(way.after_ms or 0):>10}", _STATES[way.state])
    if way.state == "dead_letter":
        return line.append(f" ── {_SERVICES[way.service]} ──").append(" dead letter", _STATES[way.state])
    return line.append(f" ·· {_SERVICES[way.service]} ·· {_STORES[way.store]:<10}").append(
        "  waits" if way.state == "waiting" else "  did not answer", _STATES[way.state]
    )


def _told(way: Progress) -> Iterator[str]:
    """What stands under a way: where its copy came from, and what is wrong."""
    if "message_id" in way.origin:
        yield f"message {way.origin['message_id']}"
    elif "offset" in way.origin:
        yield f"{way.origin['topic']}, partition {way.origin['partition']}, offset {way.origin['offset']}"
    if "healed_at" in way.origin:
        yield f"pending until {way.origin['healed_at']}: its broker was out"
    if way.detail:
        yield way.detail
    for letter in way.dead_letters:
        yield f"dead letter, {letter['reason']}: {letter['key']}"


def _after(milliseconds: float) -> str:
    return f"+{milliseconds:.0f} ms" if milliseconds < 10_000 else f"+{milliseconds / 1000:.1f} s"


def _verdict(journey: Journey) -> Text:
    if journey.conflict:
        return Text("conflict: there are two contents of this identity", "red")
    if journey.complete:
        return Text("complete", "green")
    stored = sum(way.state == "stored" for way in journey.ways)
    return Text(f"not complete: {stored} of {len(journey.ways)} ways have arrived", "yellow")
