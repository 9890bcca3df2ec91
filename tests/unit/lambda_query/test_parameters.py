"""The query string: every fault is a 400 that names its parameter."""

from contextlib import suppress
from urllib.parse import quote, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambda_query import cursor
from lambda_query.parameters import parse_differences, parse_identity, parse_list, parse_stats
from lambda_query.question import DYNAMODB, FIELDS, POSTGRES, Position
from pipeline.core.errors import InvalidParameters

KEY = b"k" * 32


def faults_of(raw: str) -> dict[str, str]:
    """The text of each parameter's fault."""
    with pytest.raises(InvalidParameters) as raised:
        parse_list(raw, KEY)
    return {name: fault.detail for name, fault in raised.value.faults.items()}


def test_the_defaults() -> None:
    question = parse_list("", KEY)
    assert (question.stores, question.low, question.descending) == ((POSTGRES, DYNAMODB), None, True)
    assert (question.limit, question.fields, question.filters) == (50, FIELDS, {})


def test_every_parameter() -> None:
    raw = urlencode(
        {
            "store": "postgres",
            "type": "a.b",
            "source": "/ç/🙂",
            "id": "a b",
            "subject": "50%",
            "from": "2026-11-23t16:00:00.1234567+01:00",
            "to": "2026-11-24T00:00:00Z",
            "order": "asc",
            "limit": "200",
            "fields": "event,id",
        }
    )
    question = parse_list(raw, KEY)
    assert question.filters == {"type": "a.b", "source": "/ç/🙂", "id": "a b", "subject": "50%"}
    assert question.low == Position("2026-11-23T15:00:00.123456Z")
    assert question.high == Position("2026-11-24T00:00:00.000000Z")
    assert (question.stores, question.limit, question.descending) == ((POSTGRES,), 200, False)
    assert question.fields == ("id", "event")
    assert question.with_events


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        ("colour=red", "colour"),
        ("%ff=1", "\ufffd"),
        ("store=redis", "store"),
        ("store=", "store"),
        ("limit=0", "limit"),
        ("limit=201", "limit"),
        ("limit=-1", "limit"),
        ("limit=ten", "limit"),
        ("limit=%D9%A1", "limit"),
        ("limit=5&limit=5", "limit"),
        ("order=up", "order"),
        ("fields=", "fields"),
        ("fields=id,colour", "fields"),
        ("from=yesterday", "from"),
        ("from=2026-11-23", "from"),
        ("from=2026-11-23T00:00:00", "from"),
        ("from=2026-02-30T00:00:00Z", "from"),
        ("from=2026-11-24T00:00:00Z&to=2026-11-23T00:00:00Z", "from"),
        ("to=9999-12-31T23:59:59-14:00", "to"),
        ("to=2026-11-23T00:00:00+01:00", "to"),
        ("type=%00", "type"),
        ("type=", "type"),
        ("subject=%ff", "subject"),
        ("source=" + "x" * 513, "source"),
        ("source=" + quote("é" * 257), "source"),
        ("id=", "id"),
        ("id=" + quote("é" * 257), "id"),
        ("cursor=abc", "cursor"),
        ("cursor=%F0%9F%99%82", "cursor"),
    ],
)
def test_a_wrong_parameter_is_named(raw: str, name: str) -> None:
    assert list(faults_of(raw)) == [name]


@pytest.mark.parametrize("time", ["0000-01-01T00:00:00Z", "9999-12-31T23:59:59-14:00"])
def test_a_time_outside_of_utcs_years_is_told_from_what_is_no_time(time: str) -> None:
    assert "years 1 to 9999" in faults_of(f"from={time}")["from"]


def test_all_faults_are_told_at_once() -> None:
    assert set(faults_of("limit=0&order=up&from=x")) == {"limit", "order", "from"}


@given(st.text(max_size=100))
def test_no_query_string_does_more_than_be_refused(raw: str) -> None:
    for parse in (lambda: parse_list(raw, KEY), lambda: parse_identity(raw)):
        with suppress(InvalidParameters):
            parse()


@pytest.mark.parametrize(("order", "low", "high"), [("asc", "at", "to"), ("desc", "from", "at")])
def test_a_cursor_goes_on_where_it_says(order: str, low: str, high: str) -> None:
    raw = f"order={order}&from=2026-11-01T00:00:00Z&to=2026-11-30T00:00:00Z"
    at = Position("2026-11-23T00:00:00.000000Z", "s", "i")
    ends = {"at": at, "from": Position("2026-11-01T00:00:00.000000Z"), "to": Position("2026-11-30T00:00:00.000000Z")}
    text = cursor.encode(at, parse_list(raw, KEY).scope, KEY)
    question = parse_list(f"{raw}&cursor={text}&limit=7&fields=id", KEY)
    assert (question.low, question.high) == (ends[low], ends[high])


@pytest.mark.parametrize("change", ["type=a", "store=postgres", "order=asc", "from=2026-11-01T00:00:00Z"])
def test_a_cursor_of_another_question_is_refused(change: str) -> None:
    text = cursor.encode(Position("2026-11-23T00:00:00.000000Z", "s", "i"), parse_list("", KEY).scope, KEY)
    assert list(faults_of(f"{change}&cursor={text}")) == ["cursor"]


def test_times_before_1970_are_taken_for_1970() -> None:
    assert parse_list("from=0900-01-01T00:00:00Z", KEY).low == Position("1970-01-01T00:00:00.000000Z")


def test_without_to_the_list_has_any_time_that_an_event_may_have() -> None:
    question = parse_list("", KEY)
    assert question.low is None
    assert question.holds(Position("9999-12-31T23:59:59.999998Z", "s", "i"))


@pytest.mark.parametrize(
    ("raw", "names"),
    [("", {"source", "id"}), ("source=a", {"id"}), ("source=a&id=", {"id"}), ("source=a&id=b&x=1", {"x"})],
)
def test_an_identity_needs_both_parts(raw: str, names: set[str]) -> None:
    with pytest.raises(InvalidParameters) as raised:
        parse_identity(raw)
    assert set(raised.value.faults) == names


def test_an_identity_may_have_anything_that_an_event_may() -> None:
    assert parse_identity("source=a%2Fb%25&id=%F0%9F%99%82+x") == ("a/b%", "🙂 x")


def test_statistics_and_differences_that_begin_in_the_future_are_empty() -> None:
    for question in (
        parse_stats("from=2999-01-01T00:00:00Z"),
        parse_differences("from=2999-01-01T00:00:00Z", KEY),
    ):
        assert question.low == question.high


def test_counts_are_of_a_month_at_most() -> None:
    assert parse_stats("from=2026-10-01T00:00:00Z&to=2026-11-01T00:00:00Z").low
    with pytest.raises(InvalidParameters, match="from is more than 31 days before `to`"):
        parse_stats("from=2026-09-30T00:00:00Z&to=2026-11-01T00:00:00Z")


def test_a_cursor_of_the_differences_holds_while_the_default_range_moves() -> None:
    place = Position("2026-11-23T00:00:00.000000Z", "s", "i")
    text = cursor.encode(place, parse_differences("", KEY).scope, KEY)
    assert parse_differences(f"cursor={text}", KEY).low == place
    for other in (f"to=2026-11-24T00:00:00Z&cursor={text}", f"cursor={text[:-1]}"):
        with pytest.raises(InvalidParameters, match="cursor"):
            parse_differences(other, KEY)
    with pytest.raises(InvalidParameters, match="cursor"):
        parse_list(f"cursor={text}", KEY)
