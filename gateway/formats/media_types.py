"""The forms in which an event comes in; each becomes structured JSON once.

CloudEvents 1.0.2, HTTP protocol binding, section 3, and the contract's simple form.
"""

import msgspec

from gateway.errors import InvalidBatch, TooLarge
from gateway.formats import binary, simple
from gateway.inbound import Inbound
from pipeline.core import faults
from pipeline.core.errors import Fault, InvalidEvent, MalformedEvent, MensageriaError, UnsupportedMediaType
from pipeline.events.event import MAX_EVENT_BYTES, STRUCTURED, Event, Rules, no_rules, parse
from pipeline.events.strict_json import parse_json, undecodable

BATCH = "application/cloudevents-batch+json"
SIMPLE = "application/json"
ACCEPTED = (STRUCTURED, BATCH, SIMPLE, "any content type with ce-* headers")
MAX_BATCH_EVENTS = 500

_raw_events = msgspec.json.Decoder(list[msgspec.Raw])


def read(inbound: Inbound, source: str, rules: Rules = no_rules) -> Event | list[Event]:
    """The event of a request, or the events of a batch in their order, each held to `rules` as well.

    `source` is for an event of the simple form that has none. Raises UnsupportedMediaType,
    MalformedEvent, InvalidEvent with every fault, TooLarge, and InvalidBatch.
    """
    inbound.require_single_values()
    inbound.require_no_encoding()
    try:
        return _read(inbound, source, rules)
    except MalformedEvent as error:
        raise error.declared_by(_header(inbound)) from None


def _read(inbound: Inbound, source: str, rules: Rules) -> Event | list[Event]:
    media_type = inbound.media_type()
    if media_type == BATCH:
        inbound.require_utf8()
        return _batch(inbound, rules)
    if len(inbound.body) > MAX_EVENT_BYTES:
        raise TooLarge(faults.BODY_TOO_LARGE(size=len(inbound.body), most=MAX_EVENT_BYTES))
    if media_type == STRUCTURED:
        inbound.require_utf8()
        return parse(inbound.body, rules)
    if media_type.startswith("application/cloudevents"):
        raise _unsupported(inbound)
    if binary.has_attributes(inbound):
        return binary.read(inbound, rules)
    if media_type == SIMPLE:
        inbound.require_utf8()
        return simple.read(inbound, source, rules)
    raise _unsupported(inbound)


def _header(inbound: Inbound) -> str:
    return f"Content-Type: {inbound.header(b'content-type')}"


def _batch(inbound: Inbound, rules: Rules) -> list[Event]:
    body = inbound.body
    try:
        raw_events = _raw_events.decode(body)
    except msgspec.ValidationError:
        parse_json(body)  # what is not JSON may look like an object first
        raise InvalidEvent([Fault("", faults.NOT_A_BATCH())]) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise undecodable(body, error) from None
    if len(raw_events) > MAX_BATCH_EVENTS:
        raise TooLarge(faults.BATCH_TOO_LARGE(count=len(raw_events), most=MAX_BATCH_EVENTS))
    return _each(raw_events, rules, _header(inbound))


def _each(raw_events: list[msgspec.Raw], rules: Rules, header: str) -> list[Event]:
    events: list[Event] = []
    errors: dict[int, MensageriaError] = {}
    for index, raw in enumerate(raw_events):
        try:
            events.append(parse(bytes(raw), rules))
        except MalformedEvent as error:
            errors[index] = error.declared_by(header)
        except InvalidEvent as error:
            errors[index] = error
    if errors := errors or _conflicts(events):
        raise InvalidBatch(errors)
    return events


def _conflicts(events: list[Event]) -> dict[int, MensageriaError]:
    """What to tell each two events that have one identity and two contents: one of them could not be stored."""
    errors: dict[int, MensageriaError] = {}
    first: dict[tuple[str, str], int] = {}
    for index, event in enumerate(events):
        other = first.setdefault(event.identity, index)
        if other != index and event.content_hash() != events[other].content_hash():
            errors.setdefault(other, _conflict(index))
            errors[index] = _conflict(other)
    return errors


def _conflict(other: int) -> InvalidEvent:
    return InvalidEvent([Fault("/id", faults.CONFLICT(index=other))])


def _unsupported(inbound: Inbound) -> UnsupportedMediaType:
    sent = inbound.header(b"content-type")
    return UnsupportedMediaType(f"the content type {sent!r} holds no event" if sent else "no Content-Type was sent")
