"""An event in binary mode, whatever carries it: attributes beside the data, which is bytes.

CloudEvents 1.0.2, HTTP protocol binding, section 3.1, and Kafka protocol binding, section 3.2.
"""

import base64
import re
from collections.abc import Iterable, Mapping

import msgspec

from pipeline.core.errors import Fault, InvalidEvent, MalformedEvent, UnsupportedMediaType, raise_any
from pipeline.events.event import Event, Rules, no_rules, parse
from pipeline.events.strict_json import parse_json

_JSON = re.compile(r"(application|text)/json\Z|[^/]+/[^/]+\+json\Z")
_UTF8 = ("utf-8", "utf8", "us-ascii")


def read(
    attributes: Mapping[str, str],
    content_type: str | None,
    data: bytes,
    faults: Iterable[Fault] = (),
    rules: Rules = no_rules,
) -> Event:
    """The event of `attributes` and `data`, which is of `content_type`, held to `rules` as well.

    JSON travels as the same bytes, UTF-8 text as a string, all else in base64. `faults` are what
    was wrong with the attributes already; nothing else is said of what they point at. Raises
    UnsupportedMediaType, MalformedEvent, and InvalidEvent with every fault.
    """
    known = list(faults)
    content = dict(attributes) | ({} if content_type is None else {"datacontenttype": content_type})
    try:
        event = parse(msgspec.json.encode(content | _payload(content_type or "", data)), rules)
    except InvalidEvent as error:
        raise error.after(known) from None
    raise_any(known)
    return event


def media_type(content_type: str) -> str:
    """A content type without its parameters, in lower case."""
    return content_type.partition(";")[0].strip().lower()


def charset(content_type: str) -> str:
    """A content type's charset in lower case; `utf-8` where it has none."""
    for parameter in content_type.split(";")[1:]:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "charset":
            return value.strip().strip('"').lower()
    return "utf-8"


def require_utf8(content_type: str) -> None:
    """Raise UnsupportedMediaType where `content_type` declares another charset: JSON is UTF-8 (RFC 8259)."""
    if (declared := charset(content_type)) not in _UTF8:
        raise UnsupportedMediaType(f"the charset {declared!r} is not supported: send UTF-8")


def _payload(content_type: str, data: bytes) -> dict[str, msgspec.Raw | str]:
    if not data:
        return {}
    if _JSON.match(media_type(content_type)):
        require_utf8(content_type)
        try:
            parse_json(data)
        except MalformedEvent as error:
            raise error.declared_by(f"Content-Type: {content_type}") from None
        except InvalidEvent as error:
            raise error.within("/data") from None
        return {"data": msgspec.Raw(data)}
    if media_type(content_type).startswith("text/") and (text := _text(content_type, data)) is not None:
        return {"data": text}
    return {"data_base64": base64.b64encode(data).decode()}


def _text(content_type: str, data: bytes) -> str | None:
    """The data as text that every store can keep, or None where it is not."""
    if charset(content_type) not in _UTF8 or b"\0" in data:
        return None
    try:
        return data.decode()
    except UnicodeDecodeError:
        return None
