"""Binary mode: the attributes in ce-* headers, the data as the body.

CloudEvents 1.0.2, HTTP protocol binding, section 3.1.
"""

import base64
import re
from urllib.parse import unquote_to_bytes

import msgspec

from gateway.inbound import Inbound
from pipeline.errors import Fault, InvalidEvent, raise_any
from pipeline.event import Event, Rules, no_rules, parse
from pipeline.strict_json import parse_json, pointer

_PREFIX = b"ce-"
_JSON = re.compile(r"(application|text)/json\Z|[^/]+/[^/]+\+json\Z")
_NOT_IN_HEADERS = {
    "data": "is the body in binary mode, not a header",
    "data_base64": "is the body in binary mode, not a header",
    "datacontenttype": "is the Content-Type header in binary mode",
}


def has_attributes(inbound: Inbound) -> bool:
    """Whether the request is in binary mode: any header that starts with `ce-`."""
    return any(name.startswith(_PREFIX) for name, _ in inbound.headers)


def read(inbound: Inbound, rules: Rules = no_rules) -> Event:
    """The event of the request's ce-* headers and body, held to `rules` as well.

    JSON travels as the same bytes, UTF-8 text as a string, all else in base64. Raises
    UnsupportedMediaType, MalformedEvent, and InvalidEvent with every fault.
    """
    attributes, faults = _attributes(inbound)
    if (content_type := inbound.header(b"content-type")) is not None:
        attributes["datacontenttype"] = content_type
    try:
        event = parse(msgspec.json.encode(attributes | _payload(inbound)), rules)
    except InvalidEvent as error:
        raise error.after(faults) from None
    raise_any(faults)
    return event


def _attributes(inbound: Inbound) -> tuple[dict[str, str], list[Fault]]:
    attributes: dict[str, str] = {}
    faults: list[Fault] = []
    for header, value in inbound.headers:
        if not header.startswith(_PREFIX):
            continue
        name = header.removeprefix(_PREFIX).decode("latin-1")
        if detail := _NOT_IN_HEADERS.get(name) or (name in attributes and "stands twice in the headers"):
            faults.append(Fault(pointer(name), detail))
            continue
        try:
            attributes[name] = unquote_to_bytes(_unquoted(value)).decode()
        except UnicodeDecodeError:
            attributes[name] = ""
            faults.append(Fault(pointer(name), "is not UTF-8 in percent-encoding"))
    return attributes, faults


def _unquoted(value: bytes) -> bytes:
    """`value` without the double quotes that a receiver must understand (section 3.1.3.2)."""
    if len(value) >= 2 and value[:1] == value[-1:] == b'"':
        return re.sub(rb"\\(.)", rb"\1", value[1:-1])
    return value


def _payload(inbound: Inbound) -> dict[str, msgspec.Raw | str]:
    media_type = inbound.media_type()
    if not inbound.body:
        return {}
    if _JSON.match(media_type):
        inbound.require_utf8()
        parse_json(inbound.body)
        return {"data": msgspec.Raw(inbound.body)}
    if media_type.startswith("text/") and (text := _text(inbound)) is not None:
        return {"data": text}
    return {"data_base64": base64.b64encode(inbound.body).decode()}


def _text(inbound: Inbound) -> str | None:
    """The body as text that every store can keep, or None where it is not."""
    if inbound.charset() not in ("utf-8", "utf8", "us-ascii") or b"\0" in inbound.body:
        return None
    try:
        return inbound.body.decode()
    except UnicodeDecodeError:
        return None
