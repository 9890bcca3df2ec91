"""The codes of faults: stable, each with one meaning, and written down."""

import re
from pathlib import Path

import pytest

from pipeline.core import faults
from pipeline.core.faults import KINDS, MAX_FAULT_CHARACTERS, Kind, markdown


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
