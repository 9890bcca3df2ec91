"""A setting as a dataclass field that knows its environment variable, and how such a class is filled.

Only the standard library is imported here: the Lambda's archive holds this module.
"""

import typing
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, Field, field, fields, is_dataclass
from types import NoneType
from typing import Any, Literal, TypeVar

from pipeline.core.errors import SettingsError

PREFIX = "MENSAGERIA_"
T = TypeVar("T")


def setting(  # noqa: PLR0913 - what a setting can have, each by its name
    name: str,
    doc: str,
    *,
    default: Any = MISSING,
    secret: bool = False,
    prefix: str = PREFIX,
    least: float | None = None,
    most: float | None = None,
) -> Any:
    """A dataclass field that `filled` fills from the variable `MENSAGERIA_<name>`.

    A number has bounds, `least` and `most`, both included.
    """
    metadata = {"name": prefix + name, "doc": doc, "least": least, "most": most}
    return field(default=default, repr=not secret, metadata=metadata)


def filled(kind: type[T], environ: Mapping[str, str]) -> T:
    """An instance of the settings class `kind` from the variables of `environ`.

    Raises SettingsError, which names every variable that is missing or wrong.
    """
    faults: list[str] = []
    settings = _filled(kind, environ, faults)
    if faults:
        raise SettingsError("; ".join(faults))
    return settings


def names(kind: type[Any]) -> tuple[str, ...]:
    """The variables of the settings class `kind`."""
    return tuple(item.metadata["name"] for item, _ in _leaves(kind))


def required(kind: type[Any]) -> tuple[str, ...]:
    """The variables that the settings class `kind` can't do without."""
    return tuple(item.metadata["name"] for item, _ in _leaves(kind) if item.default is MISSING)


def table(kind: type[Any]) -> list[str]:
    """The lines of a Markdown table of its own variables, defaults and meanings."""
    lines = ["| variable | default | bounds | meaning |", "|---|---|---|---|"]
    for item, wanted in typed_fields(kind):
        if not _part(wanted):
            default = "required" if item.default is MISSING else f"`{item.default}`"
            name, doc = item.metadata["name"], item.metadata["doc"]
            lines.append(f"| `{name}` | {default} | {_bounds(item)} | {doc} |")
    return lines


def _filled(kind: type[T], environ: Mapping[str, str], faults: list[str]) -> T:
    values: dict[str, Any] = {}
    for item, wanted in typed_fields(kind):
        if part := _part(wanted):
            asked = part.is_required or any(environ.get(name) for name in required(part.kind))
            values[item.name] = _filled(part.kind, environ, faults) if asked else None
        elif text := environ.get(name := item.metadata["name"]):
            try:
                values[item.name] = _bounded(item, _parse(wanted, text))
            except ValueError as error:
                shown = repr(text) if item.repr else "(a secret)"
                faults.append(f"{name} is {shown}: {error}")
        elif item.default is MISSING:
            faults.append(f"{name} is not set: {item.metadata['doc']}")
    return kind(**values) if not faults else typing.cast(T, None)


def _bounded(item: Field[Any], value: Any) -> Any:
    least, most = item.metadata["least"], item.metadata["most"]
    if least is not None and not least <= value:  # a comparison with NaN is false
        raise ValueError(f"give at least {_plain(least)}")
    if most is not None and not value <= most:
        raise ValueError(f"give at most {_plain(most)}")
    return value


def _bounds(item: Field[Any]) -> str:
    least, most = item.metadata["least"], item.metadata["most"]
    if least is None and most is None:
        return ""
    if most is None:
        return f"at least {_plain(least)}"
    return f"{_plain(least)} to {_plain(most)}"


def _plain(number: float) -> str:
    return str(int(number)) if number == int(number) else str(number)


def typed_fields(kind: type[Any]) -> Iterator[tuple[Field[Any], Any]]:
    """The fields of the settings class `kind` with their types."""
    wanted = typing.get_type_hints(kind)
    return ((item, wanted[item.name]) for item in fields(kind))


def _leaves(kind: type[Any]) -> Iterator[tuple[Field[Any], Any]]:
    for item, wanted in typed_fields(kind):
        if part := _part(wanted):
            yield from _leaves(part.kind)
        else:
            yield item, wanted


class _Part(typing.NamedTuple):
    """A settings class within another one; one that is not required is read where a variable of its own is set."""

    kind: type[Any]
    is_required: bool


def _part(wanted: Any) -> _Part | None:
    if is_dataclass(wanted):
        return _Part(typing.cast(type, wanted), is_required=True)
    kinds = typing.get_args(wanted)
    if NoneType in kinds and is_dataclass(kinds[0]):
        return _Part(typing.cast(type, kinds[0]), is_required=False)
    return None


def _parse(wanted: Any, text: str) -> Any:
    if typing.get_origin(wanted) is Literal:
        choices = typing.get_args(wanted)
        if text not in choices:
            raise ValueError(f"choose one of {', '.join(choices)}")
        return text
    try:
        return wanted(text)
    except ValueError:
        kinds = {int: "a whole number", float: "a number"}
        raise ValueError(f"give {kinds.get(wanted, 'another value')}") from None
