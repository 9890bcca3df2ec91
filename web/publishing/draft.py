"""A draft typed on the publish page, and the event that it makes."""

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NoReturn

import msgspec

from pipeline.core.errors import MensageriaError
from web.site.form import UnreadableForm

_WAYS_TO_WRITE = ("fields", "json")
_FIELD_OF = {"type": "type", "source": "source", "subject": "subject", "partitionkey": "key", "data": "data"}
_BESIDE_FIELDS = {"specversion", "id", "time", "datacontenttype"}


class NotJson(MensageriaError):
    """The data is not JSON; `line` and `column` count from 1."""

    def __init__(self, line: int, column: int) -> None:
        super().__init__(f"not JSON at line {line}, column {column}")
        self.line = line
        self.column = column


@dataclass(frozen=True)
class Draft:
    """The form's fields, as typed.

    `written_as` says which of the two counts: `fields` or `json`. `form_id` is the
    form's own, drawn anew with each fresh page.
    """

    written_as: str = "fields"
    type: str = ""
    source: str = ""
    subject: str = ""
    key: str = ""
    data: str = ""
    json: str = ""
    form_id: str = field(default_factory=lambda: str(uuid.uuid4()))

    @classmethod
    def typed(cls, form: Mapping[str, str]) -> "Draft":
        """The draft that a posted form holds; a field that it lacks is empty. Raises UnreadableForm."""
        if form.get("written_as", "fields") not in _WAYS_TO_WRITE:
            raise UnreadableForm(f"written_as is none of {', '.join(_WAYS_TO_WRITE)}")
        names = ("written_as", "type", "source", "subject", "key", "data", "json", "form_id")
        return cls(**{name: form[name] for name in names if name in form})

    @classmethod
    def again(cls, event: bytes) -> "Draft":
        """A new event like `event`, with another id and no time; as JSON where the fields cannot hold it."""
        parts = msgspec.json.decode(event, type=dict[str, msgspec.Raw])
        fresh = {name: value for name, value in parts.items() if name != "time"}
        fresh["id"] = msgspec.Raw(msgspec.json.encode(str(uuid.uuid4())))
        typed = {name: parts[attribute] for attribute, name in _FIELD_OF.items() if attribute in parts}
        texts = {name: str(msgspec.json.decode(value)) for name, value in typed.items() if bytes(value) != b"null"}
        is_simple = parts.keys() <= _FIELD_OF.keys() | _BESIDE_FIELDS and _is_json(parts.get("datacontenttype"))
        written = {"json": _pretty(msgspec.json.encode(fresh)), "written_as": "fields" if is_simple else "json"}
        data = {"data": _pretty(parts["data"])} if "data" in parts else {}
        return cls(**texts | data | written)

    def body(self) -> bytes:
        """The event in structured JSON, unchecked but for the data's JSON.

        Raises NotJson.
        """
        if self.written_as == "json":
            return self.json.encode()
        return msgspec.json.encode({"specversion": "1.0", "id": self._id(), **self._attributes()})

    def tidied(self) -> "Draft":
        """The same with its JSON indented; what is no JSON stays as it is."""
        name = "json" if self.written_as == "json" else "data"
        text = getattr(self, name)
        try:
            _check_json(text)
        except NotJson:
            return self
        return replace(self, **{name: _pretty(text.encode())})

    def call(self) -> str:
        """The body as it is read best: indented, where it is JSON. Raises NotJson."""
        return self.tidied().json if self.written_as == "json" else _pretty(self.body())

    def field_of(self, pointer: str) -> str:
        """The name of the field that a fault at the JSON pointer `pointer` belongs to; "" is none."""
        if self.written_as == "json":
            return "json"
        return _FIELD_OF.get(pointer.removeprefix("/").split("/")[0], "")

    def place_of(self, pointer: str) -> tuple[str, str]:
        """The JSON text that a fault at `pointer` is in, and the pointer within it; both "" where it is in none."""
        if self.written_as == "json":
            return self.json, pointer
        if pointer.startswith("/data/"):
            return self.data, pointer.removeprefix("/data")
        return "", ""

    def _attributes(self) -> dict[str, Any]:
        typed = {"source": self.source, "type": self.type, "subject": self.subject, "partitionkey": self.key}
        attributes: dict[str, Any] = {name: text.strip() for name, text in typed.items() if text.strip()}
        if self.data.strip():
            _check_json(self.data)
            attributes |= {"datacontenttype": "application/json", "data": msgspec.Raw(self.data.encode())}
        return attributes

    def _id(self) -> str:
        # The same form with the same content is the same event, so a second click or a
        # try after an error stores it once; what was changed in between is another event.
        content = "\n".join((self.form_id, self.type, self.source, self.subject, self.key, self.data))
        return str(uuid.uuid5(uuid.NAMESPACE_OID, content))


def _is_json(media_type: bytes | None) -> bool:
    return media_type is None or msgspec.json.decode(media_type) == "application/json"


def _pretty(text: bytes) -> str:
    # Not through Python's numbers: each digit stays as it was written.
    return msgspec.json.format(text, indent=2).decode()


def _check_json(text: str) -> None:
    try:
        json.loads(text, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        raise NotJson(error.lineno, error.colno) from None
    except (ValueError, RecursionError):
        raise NotJson(1, 1) from None


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
