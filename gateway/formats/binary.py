"""Binary mode: the attributes in ce-* headers, the data as the body.

CloudEvents 1.0.2, HTTP protocol binding, section 3.1.
"""

import re
from urllib.parse import unquote_to_bytes

from gateway.inbound import Inbound
from pipeline.core import faults as kinds
from pipeline.core.errors import Fault, InvalidEvent
from pipeline.events import binary_mode
from pipeline.events.event import Event, Rules, no_rules
from pipeline.events.strict_json import pointer

_PREFIX = b"ce-"
_QUOTED = re.compile(rb'"(?:[^"\\]|\\.)*+"\Z')
_NOT_IN_HEADERS = {
    "data": kinds.DATA_IN_HEADER(),
    "data_base64": kinds.DATA_IN_HEADER(),
    "datacontenttype": kinds.CONTENT_TYPE_IN_HEADER(header="Content-Type"),
}
_DECODED = {
    kinds.NOT_A_URI_REFERENCE.code: kinds.NOT_A_URI_REFERENCE_DECODED(),
    kinds.NOT_A_URI.code: kinds.NOT_A_URI_DECODED(),
}


def has_attributes(inbound: Inbound) -> bool:
    """Whether the request is in binary mode: any header that starts with `ce-`."""
    return any(name.startswith(_PREFIX) for name, _ in inbound.headers)


def read(inbound: Inbound, rules: Rules = no_rules) -> Event:
    """The event of the request's ce-* headers and body, held to `rules` as well. Raises as `binary_mode.read`."""
    attributes, faults, decoded = _attributes(inbound)
    try:
        return binary_mode.read(attributes, inbound.header(b"content-type"), inbound.body, faults, rules)
    except InvalidEvent as error:
        raise InvalidEvent([_with_hint(fault, decoded) for fault in error.faults], error.more) from None


def _attributes(inbound: Inbound) -> tuple[dict[str, str], list[Fault], set[str]]:
    """The attributes, what is wrong with them, and the pointers of those that were percent-decoded."""
    attributes: dict[str, str] = {}
    faults: list[Fault] = []
    decoded: set[str] = set()
    for header, value in inbound.headers:
        if not header.startswith(_PREFIX):
            continue
        name = header.removeprefix(_PREFIX).decode("latin-1")
        if defect := _NOT_IN_HEADERS.get(name) or (kinds.REPEATED_ATTRIBUTE() if name in attributes else None):
            faults.append(Fault(pointer(name), defect))
            continue
        if b"%" in value:
            decoded.add(pointer(name))
        try:
            attributes[name] = unquote_to_bytes(_unquoted(value.strip(b" \t"))).decode()
        except UnicodeDecodeError:
            attributes[name] = ""
            faults.append(Fault(pointer(name), kinds.NOT_UTF8_ENCODED()))
    return attributes, faults, decoded


def _with_hint(fault: Fault, decoded: set[str]) -> Fault:
    return Fault(fault.pointer, _DECODED.get(fault.code, fault.defect)) if fault.pointer in decoded else fault


def _unquoted(value: bytes) -> bytes:
    """`value` without the double quotes around all of it, which a receiver must understand (section 3.1.3.2)."""
    return re.sub(rb"\\(.)", rb"\1", value[1:-1]) if _QUOTED.match(value) else value
