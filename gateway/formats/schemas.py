"""JSON Schemas (2020-12) for the data of events, one file a type."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal
from urllib.parse import unquote

import jsonschema_rs

from pipeline.core import faults as kinds
from pipeline.core.errors import Fault, SettingsError
from pipeline.core.faults import MAX_FAULT_CHARACTERS, Defect, Kind, cut
from pipeline.events.strict_json import members, pointer

_MAX_MESSAGE = 200
_MAX_PATH_CHARACTERS = 8_000_000
_DIALECT = "https://json-schema.org/draft/2020-12/schema"


class Schemas:
    """What the data of each type has to be; made by `read`."""

    def __init__(self, documents: dict[str, Any], unknown: Literal["accept", "refuse"] = "accept") -> None:
        """Raises SettingsError, which names the type whose schema is broken."""
        self.documents = documents
        self._unknown = unknown
        self._validators = {type_: _validator(type_, document) for type_, document in documents.items()}

    def faults(self, content: dict[str, Any]) -> Iterable[Fault]:
        """Everything in an event's data that its type's schema doesn't allow."""
        type_ = content.get("type")
        if not isinstance(type_, str):
            return []  # a fault of its own, which others find
        if validator := self._validators.get(type_):
            return _faults(validator, content)
        if self._unknown == "refuse":
            return [Fault("/type", kinds.UNKNOWN_TYPE(type=repr(cut(type_, _MAX_MESSAGE))))]
        return []


def read(folder: str, unknown: Literal["accept", "refuse"]) -> Schemas:
    """The schemas in `folder`, each in a file `TYPE.json` (a type's `/` is `%2F`); "" is none.

    Raises SettingsError, which names the file that can't be read or is no schema.
    """
    if not folder:
        return Schemas({}, unknown)
    if not Path(folder).is_dir():
        raise SettingsError(f"the folder of schemas {folder} doesn't exist")
    return Schemas({unquote(path.stem): _document(path) for path in sorted(Path(folder).glob("*.json"))}, unknown)


def _document(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise SettingsError(f"the schema {path} can't be read: {error}") from None


def _validator(type_: str, document: Any) -> jsonschema_rs.Draft202012Validator:
    if isinstance(document, dict) and document.get("$schema", _DIALECT) not in (_DIALECT, f"{_DIALECT}#"):
        raise SettingsError(f"the schema of {type_}: `$schema` is {document['$schema']!r}, and {_DIALECT} is meant")
    try:
        jsonschema_rs.meta.validate(document)
        return jsonschema_rs.Draft202012Validator(document, validate_formats=True, retriever=_no_retrieval)
    except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError, ValueError, TypeError) as error:
        raise SettingsError(f"the schema of {type_} is not a JSON Schema: {str(error).splitlines()[0]}") from None


def _no_retrieval(uri: str) -> Any:
    raise ValueError(f"{uri} is not in the document, and nothing is fetched")


def _faults(validator: jsonschema_rs.Draft202012Validator, content: dict[str, Any]) -> Iterable[Fault]:
    if content.get("data_base64") is not None:
        return [Fault("/data_base64", kinds.SCHEMA_WANTS_JSON())]
    if "data" not in content:
        return [Fault("/data", kinds.SCHEMA_WANTS_DATA())]
    return map(_fault, _errors(validator, content["data"]))


def _errors(validator: jsonschema_rs.Draft202012Validator, data: Any) -> Iterable[jsonschema_rs.ValidationError]:
    """Every error; the first alone where their paths, each of which is copied, would take too much together."""
    try:
        validator.validate(data)
    except jsonschema_rs.ValidationError as error:
        return validator.iter_errors(data) if _path_characters(data) <= _MAX_PATH_CHARACTERS else [error]
    return []


def _path_characters(data: Any) -> int:
    """The characters of the paths of all values in `data`, about."""
    total, level = 0, [(0, data)]
    while level:
        total += sum(length for length, _ in level)
        level = [(length + len(str(step)) + 1, child) for length, each in level for step, child in members(each)]
    return total


def _fault(error: jsonschema_rs.ValidationError) -> Fault:
    steps = [cut(str(step), MAX_FAULT_CHARACTERS) for step in error.instance_path]
    return Fault("/data" + pointer(*steps), _defect(error))


def _defect(error: jsonschema_rs.ValidationError) -> Defect:
    """The defect that `error` is; rules that few schemas have are quoted in the validator's words."""
    keyword, values = error.kind.name, error.kind.as_dict()
    if known := _KNOWN.get(keyword):
        kind, parameter, member = known
        return kind(**{parameter: _listed(values[member])})
    return kinds.SCHEMA(keyword=keyword, message=_shortened(error.message))


def _listed(value: Any) -> str:
    """`value` as people read it; of a list of values, each as JSON."""
    if isinstance(value, list):
        return ", ".join(json.dumps(each, ensure_ascii=False) for each in value)
    return str(value)


_KNOWN: dict[str, tuple[Kind, str, str]] = {
    "type": (kinds.SCHEMA_TYPE, "wanted", "types"),
    "required": (kinds.SCHEMA_REQUIRED, "name", "property"),
    "additionalProperties": (kinds.SCHEMA_UNKNOWN_MEMBERS, "names", "unexpected"),
    "unevaluatedProperties": (kinds.SCHEMA_UNKNOWN_MEMBERS, "names", "unexpected"),
    "enum": (kinds.SCHEMA_CHOICES, "choices", "options"),
    "pattern": (kinds.SCHEMA_PATTERN, "pattern", "pattern"),
    "format": (kinds.SCHEMA_FORMAT, "format", "format"),
    "minimum": (kinds.SCHEMA_AT_LEAST, "limit", "limit"),
    "maximum": (kinds.SCHEMA_AT_MOST, "limit", "limit"),
    "minLength": (kinds.SCHEMA_TOO_SHORT, "limit", "limit"),
    "maxLength": (kinds.SCHEMA_TOO_LONG, "limit", "limit"),
}
"""The kind of each rule, the parameter of its text, and the validator's member that it is from."""


def _shortened(message: str) -> str:
    """`message`, which quotes the value: its end says what was wrong with it."""
    if len(message) <= _MAX_MESSAGE:
        return message
    half = _MAX_MESSAGE // 2
    return f"{message[:half]} … {message[-half:]}"
