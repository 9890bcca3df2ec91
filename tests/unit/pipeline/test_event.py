"""The event's rules: CloudEvents 1.0.2, and the project's own limits."""

import json
import time
from datetime import datetime
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core import faults as kinds
from pipeline.core.clock import parse_rfc3339
from pipeline.core.errors import Fault, InvalidEvent, MalformedEvent
from pipeline.events import attributes
from pipeline.events.event import parse, parse_accepted
from pipeline.events.strict_json import MAX_NESTING, encoder
from tests.support.event_bodies import EVENT, encode, faults_of


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


@pytest.mark.parametrize("body", [b"null", b"[]", b'"text"', b"1"])
def test_an_event_is_an_object(body: bytes) -> None:
    assert faults_of(body) == {"": "an event is a JSON object"}


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


@pytest.mark.parametrize("number", ["1e307", "1e-307"])
def test_an_event_of_short_numbers_is_never_written_out(number: str) -> None:
    body = encode(data="N").replace(b'"N"', b"[" + b",".join([number.encode()] * 36_000) + b"]")
    began = time.process_time()
    event = parse(body)
    event.content_hash()
    assert time.process_time() - began < 1
    assert len(encoder.encode(event.content)) < 1.5 * len(body)


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
