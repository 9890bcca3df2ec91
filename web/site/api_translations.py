"""Translation of the API's faults, by their codes."""

from dataclasses import dataclass

from babel.numbers import format_decimal

from pipeline.core.faults import KINDS, Defect, Value
from web.site.languages import current, gettext

_GROUPED_FROM = 10_000


@dataclass(frozen=True)
class Phrase:
    """A text to show; one that is not translated is in English."""

    text: str
    is_translated: bool


def phrase(defect: Defect) -> Phrase:
    """The text of `defect`; a code that these pages don't know, as of a newer gateway, keeps the text it came with."""
    kind = KINDS.get(defect.code)
    if kind is None:
        return Phrase(defect.detail, is_translated=False)
    try:
        text = gettext(kind.text) % {name: _shown(value) for name, value in defect.parameters.items()}
    except KeyError:  # another version names other parameters
        return Phrase(defect.detail, is_translated=False)
    return Phrase(text, is_translated=True)


def _shown(value: Value) -> str:
    if isinstance(value, str):
        return value
    return format_decimal(value, locale=current().locale) if value >= _GROUPED_FROM else str(value)
