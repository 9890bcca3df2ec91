"""Cursors: what went in comes out, and nothing else is taken."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambda_query.cursor import ForeignCursor, decode, encode
from lambda_query.question import Position

KEY = b"k" * 32
texts = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=60)
moments = st.datetimes().map(lambda moment: f"{moment:%m-%dT%H:%M:%S.%f}Z")
places = st.builds(Position, moments.map(lambda moment: f"2026-{moment}"), texts, texts)


@given(places, texts)
def test_a_cursor_gives_back_its_place(place: Position, scope: str) -> None:
    assert decode(encode(place, scope, KEY), scope, KEY) == place


@given(places, texts, texts)
def test_a_cursor_of_another_list_is_refused(place: Position, scope: str, other: str) -> None:
    cursor = encode(place, scope, KEY)
    if scope != other:
        with pytest.raises(ForeignCursor):
            decode(cursor, other, KEY)
    with pytest.raises(ForeignCursor):
        decode(cursor, scope, b"another key")


@given(places, st.data())
def test_a_cursor_that_was_changed_in_one_character_is_refused(place: Position, data: st.DataObject) -> None:
    cursor = encode(place, "list", KEY)
    index = data.draw(st.integers(0, len(cursor) - 1))
    character = data.draw(st.characters(codec="ascii").filter(lambda one: one != cursor[index]))
    with pytest.raises(ForeignCursor):
        decode(cursor[:index] + character + cursor[index + 1 :], "list", KEY)


@given(places, st.data())
def test_a_cursor_that_was_cut_or_lengthened_is_refused(place: Position, data: st.DataObject) -> None:
    cursor = encode(place, "list", KEY)
    with pytest.raises(ForeignCursor):
        decode(cursor[: data.draw(st.integers(0, len(cursor) - 1))], "list", KEY)
    with pytest.raises(ForeignCursor):
        decode(cursor + data.draw(st.text(min_size=1, max_size=5)), "list", KEY)


@given(st.text(max_size=200))
def test_what_is_no_cursor_is_refused(text: str) -> None:
    with pytest.raises(ForeignCursor):
        decode(text, "list", KEY)
