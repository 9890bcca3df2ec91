"""The event's rules: CloudEvents 1.0.2, and the project's own limits."""

import json
import time
from datetime import datetime
from decimal import Decimal
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core import faults as kinds
from pipeline.core.clock import parse_rfc3339
from pipeline.core.errors import Fault, InvalidEvent, MalformedEvent
from pipeline.events import attributes, binary_mode
from pipeline.events.event import parse, parse_accepted
from pipeline.events.strict_json import MAX_NESTING, encoder, is_rewritten, parse_json, pointer

EVENT: dict[str, Any] = {"specversion": "1.0", "id": "1", "source": "urn:test", "type": "order.created"}


def encode(**changes: Any) -> bytes:
    return json.dumps({name: value for name, value in (EVENT | changes).items() if value is not ...}).encode()


def faults_of(body: bytes) -> dict[str, str]:
    with pytest.raises(InvalidEvent) as caught:
        parse(body)
    return {fault.pointer: fault.detail for fault in caught.value.faults}


def nested(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


def test_a_valid_event_keeps_the_bytes_it_came_as() -> None:
    body = b'{ "specversion":"1.0", "id":"\xc3\xa9", "source":"urn:test", "type":"t", "data":{"n":1.50} }'
    parsed = parse(body)
    assert (parsed.id, parsed.source, parsed.type, parsed.body) == ("é", "urn:test", "t", body)
    assert parsed.identity == ("urn:test", "é")


def test_the_partition_key_is_the_extension_or_the_id() -> None:
    assert parse(encode()).partition_key == "1"
    assert parse(encode(partitionkey="customer-7")).partition_key == "customer-7"


@pytest.mark.parametrize("name", ["specversion", "id", "source", "type"])
def test_each_required_attribute_is_missed(name: str) -> None:
    assert faults_of(encode(**{name: ...})) == {f"/{name}": "is required"}
    assert faults_of(encode(**{name: None})) == {f"/{name}": "is required"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("specversion", "0.3"),
        ("id", ""),
        ("id", 7),
        ("id", "x" * 513),
        ("source", "é" * 257),
        ("source", "a\nb"),
        ("type", ""),
        ("subject", ""),
        ("time", "yesterday"),
        ("time", "2026-11-23T15:24:00"),
        ("time", "2026-02-30T00:00:00Z"),
        ("time", "2026-W01-1T00:00:00Z"),
        ("time", "2026-11-23T15:24:00.\u0663Z"),
        ("time", "0001-01-01T00:00:00+05:00"),
        ("type", "x" * 1025),
        ("subject", "x" * 1025),
        ("partitionkey", ""),
        ("dataschema", 1),
        ("extension", 1.5),
        ("extension", 2**31),
        ("extension", {"a": 1}),
        ("extension", "\ufffe"),
        ("Extension", "x"),
        ("my-extension", "x"),
        ("time", "2026-11-23T15:24:00+00:60"),
        ("time", "2026-11-23T15:24:00+24:00"),
        ("time", "2026-11-23T24:00:00Z"),
        ("time", "2026-11-23T15:24:60Z"),
        ("time", "2026-11-23T23:59:60Z"),
        ("time", "2016-12-31T23:59:60+01:00"),
        ("time", "9999-12-31T23:59:60Z"),
        ("source", "a b"),
        ("source", "http://[bad"),
        ("source", "http://[::g]/"),
        ("source", "http://[::1]x"),
        ("source", "http://shop.example:80a/"),
        ("source", "shop/{id}"),
        ("source", "http://shop.example/%zz"),
        ("source", "1a:b"),
        ("source", "a#b#c"),
        ("dataschema", "schema.json"),
        ("dataschema", "not a uri"),
        ("dataschema", "//shop.example/s"),
        ("dataschema", "https://shop.example/s#a"),
        ("datacontenttype", "json"),
        ("datacontenttype", "application/json charset=utf-8"),
        ("datacontenttype", "text/"),
        ("datacontenttype", "text/plain;a"),
        ("datacontenttype", 'text/plain;a="b'),
        ("subject", "x\U0001fffe"),
        ("type", "t\U0010ffff"),
        ("comment", "\U0002ffff"),
        ("data_base64", "not base64!"),
        ("data_base64", 1),
    ],
)
def test_each_wrong_attribute_is_pointed_at(name: str, value: Any) -> None:
    assert list(faults_of(encode(**{name: value}))) == [f"/{name}"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("id", "x" * 512),
        ("source", "é" * 256),
        ("id", "🦀/%2f ?&#"),
        ("time", "2026-11-23T15:24:00Z"),
        ("time", "2026-11-23t15:24:00.123456789z"),
        ("time", "2016-12-31T23:59:60+00:00"),
        ("time", "2026-11-23T15:24:00+20:00"),
        ("time", "2026-11-23T15:24:00." + "1" * 200 + "Z"),
        ("time", "2016-12-31T18:59:60-05:00"),
        ("time", "2026-11-23T15:24:00-23:59"),
        ("source", "/shop"),
        ("source", "1-555-123-4567"),
        ("source", "urn:uuid:6e8bc430-9c3a-11d9-9669-0800200c9a66"),
        ("source", "https://shop.example/%7Eme?x=1#f"),
        ("source", "//u:p@[::1]:80/a//b?c/?#/?"),
        ("source", "a+b-1.0:x"),
        ("source", "#"),
        ("source", "?a:b"),
        ("source", "./a:b"),
        ("dataschema", "https://shop.example/s/1"),
        ("dataschema", "urn:example:s"),
        ("datacontenttype", "application/vnd.shop+json; charset=UTF-8"),
        ("datacontenttype", 'text/plain ; a="b \\" c";'),
        ("subject", "\U0001f3c3\u200d\u2640\ufe0f"),
        ("subject", "é" * 512),
        ("time", None),
        ("extension", True),
        ("extension", -(2**31)),
        ("extension", ""),
        ("data", nested(MAX_NESTING - 1)),
        ("data_base64", "AAE="),
    ],
)
def test_what_the_specification_allows_is_taken(name: str, value: Any) -> None:
    assert parse(encode(**{name: value})).content[name] == value


@pytest.mark.parametrize("number", ["1.0", "1e2", "-0.0", "1E0"])
def test_an_attributes_number_is_written_as_a_whole_one(number: str) -> None:
    body = encode(extension="N", data="N").replace(b'"N"', number.encode())
    assert list(faults_of(body)) == ["/extension"]


def test_data_that_is_null_stands_beside_binary_data_too() -> None:
    assert list(faults_of(encode(data=None, data_base64="AAE="))) == ["/data_base64"]
    assert parse(encode(data=1, data_base64=None)).id == "1"


@pytest.mark.parametrize(
    ("name", "value"),
    [("source", "a b"), ("dataschema", "s"), ("datacontenttype", "json"), ("time", "2026-11-23T15:24:00+00:60")],
)
def test_what_an_earlier_gateway_has_accepted_stays_an_event(name: str, value: str) -> None:
    event = parse_accepted(encode(**{name: value}))
    assert (event.content[name], event.moment()) == (value, None)
    with pytest.raises(InvalidEvent):
        parse_accepted(encode(id=""))


@given(st.text(st.characters(codec="utf-8"), min_size=1, max_size=20))
def test_a_uri_that_the_standard_library_quotes_is_one(text: str) -> None:
    assert parse(encode(source="urn:x:" + quote(text), dataschema="https://a.example/" + quote(text))).id == "1"


def test_every_fault_is_told_at_once() -> None:
    assert set(faults_of(encode(id=..., source="", time="x", data=1, data_base64="AAE="))) == {
        "/id",
        "/source",
        "/time",
        "/data_base64",
    }


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


@pytest.mark.parametrize("body", [b"null", b"[]", b'"text"', b"1"])
def test_an_event_is_an_object(body: bytes) -> None:
    assert faults_of(body) == {"": "an event is a JSON object"}


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


@pytest.mark.parametrize(
    ("time", "code"),
    [
        ("0000-01-01T00:00:00Z", "time-out-of-range"),
        ("0000-02-29T00:00:00.5+01:00", "time-out-of-range"),
        ("0001-01-01T00:00:00+05:00", "time-out-of-range"),
        ("9999-12-31T23:59:59-00:01", "time-out-of-range"),
        ("9999-12-31T23:59:60Z", "time-out-of-range"),
        ("0000-02-30T00:00:00Z", "not-a-time"),
        ("0000-13-01T00:00:00Z", "not-a-time"),
        ("0000-", "not-a-time"),
        ("10000-01-01T00:00:00Z", "not-a-time"),
    ],
)
def test_a_time_that_no_store_can_keep_is_told_from_what_is_no_time(time: str, code: str) -> None:
    with pytest.raises(InvalidEvent) as caught:
        parse(encode(time=time))
    assert [(fault.pointer, fault.code) for fault in caught.value.faults] == [("/time", code)]


@pytest.mark.parametrize("number", ["0e5", "-0.0", "1e308", "5e-324", "9" * 900])
def test_every_other_number_is_taken(number: str) -> None:
    assert parse(encode(data="N").replace(b'"N"', number.encode())).id == "1"


def test_the_content_hash_sees_content_and_nothing_else() -> None:
    plain = parse(encode(data={"a": 1, "b": [1.0, "x"]})).content_hash()
    spaced = parse(json.dumps(dict(reversed(list(EVENT.items())), data={"b": [1, "x"], "a": 1}), indent=3).encode())
    assert spaced.content_hash() == plain
    assert parse(encode(data={"a": 1, "b": [1.5, "x"]})).content_hash() != plain
    assert parse(encode(data={"a": True, "b": [1.0, "x"]})).content_hash() != plain


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("1e17", "100000000000000000"),
        ("1.5e300", "15" + "0" * 299),
        ("1e307", "1" + "0" * 307),
        ("-2e41", "-2" + "0" * 41),
        ("1E5", "100000"),
        ("0.10", "0.1"),
        ("12345678901234567.89", "12345678901234567.890"),
        ("1e-307", "0." + "0" * 306 + "1"),
        ("-0.0", "0"),
    ],
)
def test_a_number_is_the_same_however_it_is_written(one: str, other: str) -> None:
    bodies = [encode(data="N").replace(b'"N"', text.encode()) for text in (one, other)]
    assert parse(bodies[0]).content_hash() == parse(bodies[1]).content_hash()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (str(2**53 + 1), str(2**53)),
        ("12345678901234567.89", "12345678901234567.88"),
        ("0.33333333333333333333", "0.33333333333333333334"),
        ("1e307", "1e306"),
        ("1e307", '"1E+307"'),
    ],
)
def test_numbers_are_told_apart_beyond_a_double(one: str, other: str) -> None:
    bodies = [encode(data="N").replace(b'"N"', text.encode()) for text in (one, other)]
    assert parse(bodies[0]).content_hash() != parse(bodies[1]).content_hash()


def test_the_content_hash_of_an_event_is_the_same_in_each_version() -> None:
    numbers = "[1.10,1E5,100000,-0.0,12345678901234567890123,0.1e-5,1.5e10]"
    body = f'{{"specversion":"1.0","id":"1","source":"/s","type":"t","subject":null,"data":{{"b":{numbers},"a":"x"}}}}'
    expected = "1b6484cafdb7a026592ffb8b5503fac50d430dfc676030ae908dbd3bb1085eff"
    assert parse(body.encode()).content_hash().hex() == expected


@given(
    digits=st.from_regex(r"-?(0|[1-9][0-9]{0,60})(\.[0-9]{1,40})?", fullmatch=True),
    exponent=st.just("") | st.integers(-200, 200).map(lambda power: f"e{power:+}"),
)
def test_every_number_is_read_as_its_exact_value(digits: str, exponent: str) -> None:
    text = digits + exponent
    read = parse_json(text.encode())
    assert Decimal(repr(read) if isinstance(read, float) else read) == Decimal(text)


@pytest.mark.parametrize("number", ["1e307", "1e-307"])
def test_an_event_of_short_numbers_is_never_written_out(number: str) -> None:
    body = encode(data="N").replace(b'"N"', b"[" + b",".join([number.encode()] * 36_000) + b"]")
    began = time.process_time()
    event = parse(body)
    event.content_hash()
    assert time.process_time() - began < 1
    assert len(encoder.encode(event.content)) < 1.5 * len(body)


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


@given(st.datetimes(), st.integers(0, 9))
def test_a_time_in_utc_is_the_same_in_each_of_its_forms(moment: datetime, digits: int) -> None:
    fraction = f".{f'{moment.microsecond:06}789'[:digits]}" if digits else ""
    text = f"{moment:%Y-%m-%dT%H:%M:%S}{fraction}".zfill(19 + len(fraction))
    assert parse_rfc3339(f"{text}Z") == parse_rfc3339(f"{text}+00:00") == parse_rfc3339(f"{text}z")


@given(st.binary(max_size=200))
def test_any_bytes_give_an_event_or_one_of_the_two_errors(body: bytes) -> None:
    try:
        parse(body)
    except (MalformedEvent, InvalidEvent):
        return
    pytest.fail("random bytes are no event")


@pytest.mark.parametrize(
    ("time", "moment"),
    [
        ("2026-11-23T15:24:00Z", "2026-11-23T15:24:00+00:00"),
        ("2026-11-23t15:24:00.1234567+20:00", "2026-11-22T19:24:00.123456+00:00"),
        ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00+00:00"),
    ],
)
def test_the_moment_of_an_event_is_in_utc(time: str, moment: str) -> None:
    at = parse(encode(time=time)).moment()
    assert at
    assert at.isoformat() == moment


def test_an_attribute_that_is_null_is_one_that_is_not_set() -> None:
    assert parse(encode(subject=None)).content_hash() == parse(encode()).content_hash()
    assert parse(encode(data=None)).content_hash() != parse(encode()).content_hash()


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


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**40), 2**40) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)


@given(content=st.dictionaries(TEXT, JSON, max_size=4), ascii_only=st.booleans())
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


@given(content=st.dictionaries(TEXT, JSON, min_size=1, max_size=4), ascii_only=st.booleans(), data=st.data())
def test_what_has_a_name_twice_is_refused(content: dict[str, Any], ascii_only: bool, data: st.DataObject) -> None:
    name, other = data.draw(st.sampled_from(sorted(content))), data.draw(JSON)
    twice = f"{{{json.dumps(name, ensure_ascii=ascii_only)}:{json.dumps(other, ensure_ascii=ascii_only)},"
    with pytest.raises(MalformedEvent, match="duplicate key"):
        parse_json(twice.encode() + json.dumps(content, ensure_ascii=ascii_only).encode()[1:])


ATTRIBUTE = st.text(st.characters(exclude_categories=["Cs"]), max_size=140) | st.sampled_from(
    ["1.0", "", "2026-11-23T15:24:00Z", "2026-13-01T00:00:00Z", "AAE=", "x" * 513, "é" * 128, "\u00a0"]
)


@given(
    changes=st.dictionaries(
        st.sampled_from(["specversion", "id", "source", "type", "subject", "time", "data_base64", "ext", "Ext", "a_b"]),
        ATTRIBUTE | st.none() | st.integers(-(2**32), 2**32) | st.booleans(),
    )
)
def test_the_quick_look_and_the_close_one_agree(changes: dict[str, Any]) -> None:
    body = json.dumps(EVENT | changes).encode()
    if faults := list(attributes.faults(EVENT | changes)):
        with pytest.raises(InvalidEvent) as caught:
            parse(body)
        assert caught.value.faults == faults
    else:
        assert parse(body).content == EVENT | changes


def test_further_rules_add_their_faults_to_the_others() -> None:
    with pytest.raises(InvalidEvent) as caught:
        parse(encode(id=7), lambda content: [Fault("/data", kinds.UNKNOWN_TYPE(type=content["id"]))])
    assert caught.value.faults == [Fault("/id", kinds.NOT_A_STRING()), Fault("/data", kinds.UNKNOWN_TYPE(type=7))]
