"""The gateway's faults, at the fields they belong to and in the reader's language."""

from dataclasses import dataclass

from web.answers import Problem
from web.draft import Draft, NotJson
from web.languages import gettext, marked

_KNOWN = frozenset(
    (
        marked("is required"),
        marked("must not be empty"),
        marked("must be a string"),
        marked('must be "1.0"'),
        marked("is longer than 512 bytes of UTF-8"),
        marked("an event is a JSON object"),
        marked("nested deeper than 64 levels"),
        marked("a whole number in an attribute has 32 bits: send it as a string"),
        marked("an attribute is a string, a whole number or a boolean: put other values into data"),
        marked("an attribute's name has only lower-case letters a-z and digits"),
        marked("must be a time after RFC 3339 with its zone, such as 2026-11-23T15:24:00Z"),
        marked("stands beside data: send one of them"),
        marked("must be a string in base64 (RFC 4648)"),
        marked("has the character U+0000, which PostgreSQL cannot keep: send it in data_base64"),
    )
)


@dataclass(frozen=True)
class FieldFault:
    """A fault to show; `pointer` where the field alone does not say what is meant, else ""."""

    detail: str
    pointer: str = ""
    is_translated: bool = True


Faults = dict[str, list[FieldFault]]
"""By the name of a field; under "" stand those of the whole form."""


def of_problem(problem: Problem, draft: Draft) -> Faults:
    """Each fault that the gateway found in `draft`, at its field."""
    faults: Faults = {}
    for fault in problem.errors:
        field = draft.field_of(fault.pointer)
        shown = "" if field not in ("", "json", "data") else fault.pointer
        faults.setdefault(field, []).append(_shown(fault.detail, shown))
    return faults or {"json" if draft.written_as == "json" else "": [_shown(problem.detail)]}


def of_data(error: NotJson) -> Faults:
    """The fault of data that is not JSON."""
    text = gettext("is not JSON: look at line %(line)s, column %(column)s")
    return {"data": [FieldFault(text % {"line": error.line, "column": error.column})]}


def _shown(detail: str, pointer: str = "") -> FieldFault:
    if detail in _KNOWN:
        return FieldFault(gettext(detail), pointer)
    return FieldFault(detail, pointer, is_translated=False)
