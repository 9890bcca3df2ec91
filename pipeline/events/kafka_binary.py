"""Binary mode of the CloudEvents Kafka protocol binding 1.0.2, section 3.2: attributes as `ce_` headers."""

from collections.abc import Sequence
from typing import Any

import msgspec

from pipeline.core import faults as kinds
from pipeline.core.errors import Fault, MalformedEvent, MensageriaError, UnsupportedMediaType
from pipeline.events import binary_mode
from pipeline.events.event import Event
from pipeline.events.strict_json import parse_json, pointer

_PREFIX = "ce_"
_STRUCTURED = b"application/cloudevents"
_NOT_IN_HEADERS = {
    "data": kinds.DATA_IN_KAFKA_HEADER(),
    "data_base64": kinds.DATA_IN_KAFKA_HEADER(),
    "datacontenttype": kinds.CONTENT_TYPE_IN_HEADER(header="content-type"),
}
Headers = Sequence[tuple[str, bytes | None]]


def is_meant(headers: Headers) -> bool:
    """Whether a record is in binary mode: it has attributes as headers, and no content type of an event."""
    if not any(name.startswith(_PREFIX) for name, _ in headers):
        return False
    content_type = _content_type(headers)
    return content_type is None or not content_type.lower().startswith(_STRUCTURED)


def read(body: bytes, headers: Headers) -> Event:
    """The event of `headers` and of the record's value. Raises MalformedEvent, and InvalidEvent with every fault.

    Without a content type, the value is JSON where it can be read as JSON.
    """
    attributes, faults = _attributes(headers)
    content_type = _content_type(headers)
    if content_type is None and _is_json(body):
        attributes["data"], body = msgspec.Raw(body), b""
    shown_type = None if content_type is None else _text(faults, "datacontenttype", content_type)
    try:
        return binary_mode.read(attributes, shown_type, body, faults)
    except UnsupportedMediaType as error:
        raise MalformedEvent(kinds.UNREADABLE_TYPE(reason=str(error))) from error


def _attributes(headers: Headers) -> tuple[dict[str, Any], list[Fault]]:
    named = [(name.removeprefix(_PREFIX), value) for name, value in headers if name.startswith(_PREFIX)]
    attributes: dict[str, Any] = {}
    faults: list[Fault] = []
    for name, value in named:
        shown = name.encode(errors="replace").decode()
        if defect := _NOT_IN_HEADERS.get(name) or (kinds.REPEATED_ATTRIBUTE() if name in attributes else None):
            faults.append(Fault(pointer(shown), defect))
        elif value is not None:
            attributes[shown] = _text(faults, shown, value)
    return attributes, faults


def _text(faults: list[Fault], name: str, value: bytes) -> str:
    text = value.decode(errors="replace")
    if text.encode() != value:
        faults.append(Fault(pointer(name), kinds.NOT_UTF8()))
    return text


def _content_type(headers: Headers) -> bytes | None:
    return next((value for name, value in headers if name == "content-type"), None)


def _is_json(body: bytes) -> bool:
    try:
        parse_json(body)
    except MensageriaError:
        return False
    return True
