"""The gateway's faults, at the fields they belong to and in the reader's language."""

from dataclasses import dataclass

from web.answers import Problem
from web.draft import Draft, NotJson
from web.languages import gettext
from web.phrases import phrase


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
    told = phrase(detail)
    return FieldFault(told.text, pointer, told.is_translated)
