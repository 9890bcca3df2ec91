"""JSON as events have it: what is read, what is refused, and where."""

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.errors import InvalidEvent, MalformedEvent
from pipeline.events import binary_mode
from pipeline.events.event import parse
from pipeline.events.strict_json import MAX_NESTING, is_rewritten, parse_json, pointer
from tests.support.event_bodies import EVENT, encode, faults_of


def test_u0000_is_refused_where_it_stands() -> None:
    assert list(faults_of(encode(data={"a/b": ["x", "y\0"]}))) == ["/data/a~1b/1"]
    assert list(faults_of(encode(data={"a": {"\0": 1}}))) == ["/data/a"]
    assert parse(encode(data="the text \\u0000 is harmless")).id == "1"


@pytest.mark.parametrize("levels", [MAX_NESTING, 500, 100_000])
def test_deep_nesting_is_refused(levels: int) -> None:
    body = b'{"data":' + b"[" * levels + b"]" * levels + b"}"
    assert faults_of(body) == {"": f"nested deeper than {MAX_NESTING} levels"}


def test_wide_is_not_deep() -> None:
    assert parse(encode(data=[[1], {"a": []}] * 100)).id == "1"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"nope",
        b'{"a":NaN}',
        b'{"a":-Infinity}',
        b'"\xff"',
        b'{"a":"\\ud800"}',
        b'{"a":1,"a":2}',
        b"\xef\xbb\xbf{}",
    ],
)
def test_what_is_not_json_is_malformed(body: bytes) -> None:
    with pytest.raises(MalformedEvent):
        parse(body)


@pytest.mark.parametrize(
    "number", ["1e400", "-1e400", "1e-400", "0." + "1" * 1001, "9" * 5000, "0e99999999999", "0.0e-99999"]
)
def test_a_number_that_a_store_would_change_is_refused(number: str) -> None:
    assert len(faults_of(b'{"data":' + number.encode() + b"}")) == 1


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"1e400", {"/data": "number-out-of-range"}),
        (
            b'{"a":[1,{"b/c":1e400}],"z":' + b"1" * 4301 + b"}",
            {"/data/a/1/b~1c": "number-out-of-range", "/data/z": "number-too-long"},
        ),
        (b"-" + b"1" * 4301, {"/data": "number-too-long"}),
        (b"[" + b"1e400," * 30 + b"0]", {f"/data/{at}": "number-out-of-range" for at in range(20)}),
        (b'{"' + b"n" * 300 + b'":1e400}', {"/data/" + "n" * 249 + "…": "number-out-of-range"}),
    ],
)
def test_a_number_that_is_refused_has_its_place(data: bytes, expected: dict[str, str]) -> None:
    body = encode(data="N").replace(b'"N"', data)
    for content_type in (None, "application/json"):
        with pytest.raises(InvalidEvent) as caught:
            binary_mode.read(EVENT, content_type, data) if content_type else parse(body)
        assert {fault.pointer: fault.code for fault in caught.value.faults} == expected


def test_what_is_no_json_behind_a_number_that_is_refused_is_malformed() -> None:
    with pytest.raises(MalformedEvent):
        parse(b'{"data":[1e400,x]}')


@pytest.mark.parametrize("number", ["0e5", "-0.0", "1e308", "5e-324", "9" * 900])
def test_every_other_number_is_taken(number: str) -> None:
    assert parse(encode(data="N").replace(b'"N"', number.encode())).id == "1"


@given(
    digits=st.from_regex(r"-?(0|[1-9][0-9]{0,60})(\.[0-9]{1,40})?", fullmatch=True),
    exponent=st.just("") | st.integers(-200, 200).map(lambda power: f"e{power:+}"),
)
def test_every_number_is_read_as_its_exact_value(digits: str, exponent: str) -> None:
    text = digits + exponent
    read = parse_json(text.encode())
    assert Decimal(repr(read) if isinstance(read, float) else read) == Decimal(text)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ("1e3", True),
        ("[1, 2.5E-7]", True),
        ("-0.0", True),
        ("-0", True),
        ("-0.5", False),
        ("1.10", False),
        ("12345678901234567890123", False),
        ('"1e3, -0"', False),
        ('"\\"1e3"', False),
    ],
)
def test_what_jsonb_writes_in_another_way_is_known(data: str, expected: bool) -> None:
    assert is_rewritten(f'{{"data":{data}}}'.encode()) is expected


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(-1e15, 1e15) | st.text(),
    lambda children: st.lists(children, max_size=4) | st.dictionaries(st.text(), children, max_size=4),
    max_leaves=20,
)


@given(JSON)
def test_any_json_is_read_as_the_standard_library_reads_it(value: Any) -> None:
    body = json.dumps(value).encode(errors="surrogatepass")
    assert parse_json(body) == value


NUMBERS = st.from_regex(r"-?(0|[1-9][0-9]{0,3})(\.[0-9]{1,3})?([eE][+-]?[0-9]{1,2})?", fullmatch=True)


@given(
    text=st.text() | st.from_regex(r'[:\[,"\\]*-?[0-9.]+[eE]?-?0'), number=NUMBERS, space=st.text(" \t\r\n", max_size=2)
)
def test_a_number_that_jsonb_rewrites_is_found_wherever_it_stands(text: str, number: str, space: str) -> None:
    is_other = "e" in number.lower() or (number[0] == "-" and not number.strip("-0."))
    for data in (f"{space}{number}", f"[{space}{number}{space}]", f'{{"a":{space}{number}}}', f"[1,{space}{number}]"):
        assert is_rewritten(f'{{"x":{json.dumps(text)},"data":{data}}}'.encode()) is is_other


def test_pointers_escape_their_two_characters() -> None:
    assert pointer("a/b", "~") == "/a~1b/~0"


@pytest.mark.parametrize(
    "body",
    [
        b'{"a":1,"\\u0061":2}',
        b'{"a":1,"a":"\\u0022\\u0022"}',
        b'{"a":"x","a":"\\u0022\\u0022\\u0022\\u0022"}',
        b'{"a":"\\"","a":"\\\\u0022"}',
        b'{"data":[{"b":{"c":1,"d":2,"c":1}}]}',
        b'{"data":{"":1,"":1}}',
    ],
)
def test_a_name_that_stands_twice_is_found_however_it_is_written(body: bytes) -> None:
    with pytest.raises(MalformedEvent, match="duplicate key"):
        parse_json(body)


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)


SMALL_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**40), 2**40) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)


@given(content=st.dictionaries(TEXT, SMALL_JSON, max_size=4), ascii_only=st.booleans())
def test_what_has_each_name_once_is_read_as_it_is(content: dict[str, Any], ascii_only: bool) -> None:
    assert parse_json(json.dumps(content, ensure_ascii=ascii_only).encode()) == content


def test_the_name_that_is_there_twice_is_a_parameter_as_it_is() -> None:
    with pytest.raises(MalformedEvent) as caught:
        parse(b'{"a\'b":1,"a\'b":2}')
    assert caught.value.defect.parameters == {"name": "a'b"}


@pytest.mark.parametrize("coding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "latin-1"])
def test_another_coding_than_utf_8_is_said(coding: str) -> None:
    with pytest.raises(MalformedEvent) as caught:
        parse('{"data":"é"}'.encode(coding))
    assert caught.value.defect.code in ("not-utf8-json", "not-json")


@given(content=st.dictionaries(TEXT, SMALL_JSON, min_size=1, max_size=4), ascii_only=st.booleans(), data=st.data())
def test_what_has_a_name_twice_is_refused(content: dict[str, Any], ascii_only: bool, data: st.DataObject) -> None:
    name, other = data.draw(st.sampled_from(sorted(content))), data.draw(SMALL_JSON)
    twice = f"{{{json.dumps(name, ensure_ascii=ascii_only)}:{json.dumps(other, ensure_ascii=ascii_only)},"
    with pytest.raises(MalformedEvent, match="duplicate key"):
        parse_json(twice.encode() + json.dumps(content, ensure_ascii=ascii_only).encode()[1:])
