"""What the command prints never speaks to the terminal, whatever is in an event."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.output import complain, inert, plain, say, write_json, write_table

HOSTILE = ["\x9b31m", "\x7f", "\x85", "\u202egpj.exe", "\u2066", "\u200f", "\u061c"]


@pytest.mark.parametrize("text", HOSTILE)
def test_json_has_an_escape_for_it_and_says_the_same(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    write_json({"a": text, text: 1})
    written = capsys.readouterr().out
    assert text[0] not in written
    assert json.loads(written) == {"a": text, text: 1}


@pytest.mark.parametrize("text", [*HOSTILE, "\x1b[31m", "\b", "\r"])
def test_text_and_tables_are_without_it(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    say(text)
    complain(text)
    write_table(["a"], [[text]])
    written = capsys.readouterr()
    assert text[0] not in written.out + written.err


@given(st.recursive(st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_what_is_escaped_says_the_same(value: object) -> None:
    assert json.loads(inert(json.dumps(value, ensure_ascii=False))) == value


def test_ordinary_text_stays_as_it_is() -> None:
    assert plain("olá\t日本語 🏃🏽‍♀️\n") == "olá\t日本語 🏃🏽‍♀️\n"
