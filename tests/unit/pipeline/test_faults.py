"""The codes of faults: stable, each with one meaning, and written down."""

import re
from pathlib import Path

import pytest

from pipeline.core import faults
from pipeline.core.faults import KINDS, MAX_FAULT_CHARACTERS, Kind, markdown, sentence


def test_no_two_kinds_have_one_code() -> None:
    kinds = [kind for kind in vars(faults).values() if isinstance(kind, Kind)]
    assert sorted(KINDS) == sorted(kind.code for kind in kinds)


@pytest.mark.parametrize("code", KINDS)
def test_a_code_is_kebab_case(code: str) -> None:
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", code)


def test_the_page_of_the_codes_is_up_to_date() -> None:
    assert Path("docs/faults.md").read_text() == markdown()


def test_what_was_sent_is_cut_in_text_and_parameters() -> None:
    defect = faults.NUMBER_OUT_OF_RANGE(number="1" * 1000)
    assert len(defect.detail) == MAX_FAULT_CHARACTERS
    assert len(str(defect.parameters["number"])) == MAX_FAULT_CHARACTERS


@pytest.mark.parametrize(
    ("name", "detail", "expected"),
    [
        ("foo", faults.UNKNOWN_PARAMETER(known="from, to").detail, "unknown parameter `foo`; expected one of from, to"),
        ("foo", faults.NO_PARAMETERS().detail, "unknown parameter `foo`; this route takes none"),
        ("limit", faults.REPEATED_PARAMETER().detail, "duplicate parameter `limit`: send it once"),
        ("limit", faults.NOT_A_COUNT(least=1, most=200).detail, "limit must be an integer from 1 to 200"),
        (
            "cursor",
            faults.FOREIGN_CURSOR().detail,
            "cursor belongs to another list: use `next` of a page with the same parameters",
        ),
        ("/data", faults.TOO_DEEP(levels=64).detail, "/data: nested deeper than 64 levels"),
        ("", faults.NOT_AN_OBJECT().detail, "an event is a JSON object"),
        ("/a", "a text of a newer gateway", "/a: a text of a newer gateway"),
    ],
)
def test_a_name_and_a_text_make_a_sentence(name: str, detail: str, expected: str) -> None:
    assert sentence(name, detail) == expected


@pytest.mark.parametrize("code", KINDS)
def test_every_text_makes_a_sentence(code: str) -> None:
    said = sentence("NAME", KINDS[code].text)
    verbs = "is|must|may|can't|lacks|contains|breaks|begins|belongs"
    assert re.match(rf"NAME ({verbs}) |NAME: |[a-z]+ [a-z]+ `NAME`", said)
    assert not re.match(rf"NAME: ({verbs}|are|has|does|unknown (parameter|member)|duplicate (parameter|header)) ", said)
