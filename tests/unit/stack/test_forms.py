"""A form that is parsed once says what one says that is parsed each time."""

from urllib.parse import parse_qs, quote_plus

from hypothesis import given
from hypothesis import strategies as st

from stack.forms import Forms

FORMS = st.one_of(
    st.text("a=&;+%0 é", max_size=20),
    st.lists(st.tuples(st.sampled_from("abc"), st.text(max_size=5))).map(
        lambda fields: "&".join(f"{name}={quote_plus(value, errors='replace')}" for name, value in fields)
    ),
)


@given(st.lists(st.tuples(FORMS, st.booleans())))
def test_it_answers_as_parse_qs(asked: list[tuple[str, bool]]) -> None:
    forms = Forms()
    for text, keep in asked:
        assert forms.parse(text, keep_blank_values=keep) == parse_qs(text, keep_blank_values=keep)


def test_who_changes_an_answer_changes_no_other() -> None:
    forms = Forms()
    forms.parse("a=1")["a"].append("2")
    forms.parse("a=1", keep_blank_values=True)["a"].append("2")
    assert forms.parse("a=1") == {"a": ["1"]}
