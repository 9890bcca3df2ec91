"""Faults of a draft, at the fields they belong to and in the reader's language."""

from collections.abc import Iterable
from dataclasses import dataclass

from operations.http_api import Problem
from pipeline.core.errors import InvalidEvent, MalformedEvent
from pipeline.core.faults import Defect
from pipeline.events.event import parse
from web.publishing.draft import Draft, NotJson
from web.publishing.json_lines import lines_of
from web.site.api_translations import phrase
from web.site.languages import gettext, marked

_NOT_JSON = marked("is not JSON: look at line %(line)s, column %(column)s")


@dataclass(frozen=True)
class FieldFault:
    """A fault to show; `pointer` where the field alone does not say what is meant, else ""; `line` 0 is none."""

    detail: str
    pointer: str = ""
    line: int = 0
    column: int = 1
    is_translated: bool = True


Faults = dict[str, list[FieldFault]]
"""By the name of a field; under "" stand those of the whole form."""


def of_problem(problem: Problem, draft: Draft) -> Faults:
    """Each fault that the gateway found in `draft`, at its field."""
    if problem.errors:
        return _at_fields(((fault.pointer, fault.defect) for fault in problem.errors), draft)
    return {"json" if draft.written_as == "json" else "": [_of_the_whole(problem.defect)]}


def of_draft(draft: Draft) -> Faults:
    """What can be seen to be wrong with `draft` without the gateway, which also knows the schemas."""
    try:
        parse(draft.body())
    except NotJson as error:
        return of_data(error)
    except MalformedEvent as error:
        return {"json" if draft.written_as == "json" else "data": [_of_the_whole(error.defect)]}
    except InvalidEvent as error:
        return _at_fields(((fault.pointer, fault.defect) for fault in error.listed()), draft)
    return {}


def of_data(error: NotJson) -> Faults:
    """The fault of data that is not JSON."""
    text = gettext(_NOT_JSON) % {"line": error.line, "column": error.column}
    return {"data": [FieldFault(text, line=error.line, column=error.column)]}


def _at_fields(found: Iterable[tuple[str, Defect]], draft: Draft) -> Faults:
    paths = [(pointer.removeprefix("#"), defect) for pointer, defect in found]
    lines = _lines([path for path, _ in paths], draft)
    faults: Faults = {}
    for path, defect in paths:
        field = draft.field_of(path)
        shown = "" if field not in ("", "json", "data") else path
        faults.setdefault(field, []).append(_shown(defect, shown, lines.get(path, 0)))
    return faults


def _lines(paths: list[str], draft: Draft) -> dict[str, int]:
    """The line of each of `paths` in the text that was typed; the text is read once."""
    places = {path: draft.place_of(path) for path in paths}
    text = next((text for text, _ in places.values() if text), "")
    found = lines_of(text, [inside for _, inside in places.values()])
    return {path: found[inside] for path, (text, inside) in places.items() if text and inside in found}


def _of_the_whole(defect: Defect) -> FieldFault:
    line, column = (defect.parameters.get(name) for name in ("line", "column"))
    return (
        _shown(defect, line=line, column=column)
        if isinstance(line, int) and isinstance(column, int)
        else _shown(defect)
    )


def _shown(defect: Defect, pointer: str = "", line: int = 0, column: int = 1) -> FieldFault:
    shown = phrase(defect)
    return FieldFault(shown.text, pointer, line, column, shown.is_translated)
