"""What is typed on the publish page, and the event that it makes."""

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

import msgspec

from pipeline.errors import MensageriaError
from web.form import UnreadableForm

_WAYS_TO_WRITE = ("fields", "json")
_EXAMPLE_TYPE = "com.example.order.created"
_EXAMPLE_SOURCE = "urn:mensageria:web"
_EXAMPLE_DATA = '{\n  "order": 1001,\n  "total": "49.90",\n  "currency": "BRL"\n}'
_FIELD_OF = {"type": "type", "source": "source", "subject": "subject", "partitionkey": "key", "data": "data"}


class NotJson(MensageriaError):
    """The data is not JSON; `line` and `column` count from 1."""

    def __init__(self, line: int, column: int) -> None:
        super().__init__(f"not JSON at line {line}, column {column}")
        self.line = line
        self.column = column


def _example_event() -> str:
    example = {
        "specversion": "1.0",
        "id": str(uuid.uuid4()),
        "source": _EXAMPLE_SOURCE,
        "type": _EXAMPLE_TYPE,
        "data": json.loads(_EXAMPLE_DATA),
    }
    return json.dumps(example, indent=2)


@dataclass(frozen=True)
class Draft:
    """The form's fields, as typed.

    `written_as` tells which of the two counts: `fields` or `json`. `form_id` is the
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
    def example(cls) -> "Draft":
        """A new draft to start from: the same event both ways."""
        return cls(type=_EXAMPLE_TYPE, source=_EXAMPLE_SOURCE, data=_EXAMPLE_DATA, json=_example_event())

    @classmethod
    def typed(cls, form: Mapping[str, str]) -> "Draft":
        """The draft that a posted form holds; a field that it lacks is empty. Raises UnreadableForm."""
        if form.get("written_as", "fields") not in _WAYS_TO_WRITE:
            raise UnreadableForm(f"written_as is none of {', '.join(_WAYS_TO_WRITE)}")
        names = ("written_as", "type", "source", "subject", "key", "data", "json", "form_id")
        return cls(**{name: form[name] for name in names if name in form})

    def body(self) -> bytes:
        """The event in structured JSON, unchecked but for the data's JSON.

        Raises NotJson.
        """
        if self.written_as == "json":
            return self.json.encode()
        return msgspec.json.encode({"specversion": "1.0", "id": self._id(), **self._attributes()})

    def field_of(self, pointer: str) -> str:
        """The name of the field that a fault at the JSON pointer `pointer` belongs to; "" is none."""
        if self.written_as == "json":
            return "json"
        return _FIELD_OF.get(pointer.removeprefix("#").removeprefix("/").split("/")[0], "")

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


def _check_json(text: str) -> None:
    try:
        json.loads(text, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        raise NotJson(error.lineno, error.colno) from None
    except (ValueError, RecursionError):
        raise NotJson(1, 1) from None


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
