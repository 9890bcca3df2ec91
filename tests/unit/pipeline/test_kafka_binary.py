"""CloudEvents in binary mode of the Kafka binding."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.errors import InvalidEvent, MalformedEvent, MensageriaError
from pipeline.events.delivery import event_of

ATTRIBUTES = [("ce_specversion", b"1.0"), ("ce_id", b"1"), ("ce_source", b"urn:s"), ("ce_type", b"t")]
JSON = ("content-type", b"application/json")
INNER = b'{"specversion":"1.0","id":"inner","source":"s","type":"t"}'


def test_the_attributes_are_headers() -> None:
    event = event_of(b'{"total": 12.5}', [JSON, *ATTRIBUTES, ("ce_subject", "ol\u00e1".encode()), ("other", b"\xff")])
    assert (event.id, event.source, event.subject) == ("1", "urn:s", "ol\u00e1")
    assert (event.content["data"], event.content["datacontenttype"]) == ({"total": 12.5}, "application/json")


def test_an_event_as_data_is_data() -> None:
    event = event_of(INNER, [JSON, *ATTRIBUTES])
    assert (event.id, event.content["data"]["id"]) == ("1", "inner")


@pytest.mark.parametrize(
    ("content_type", "value", "member", "data"),
    [
        (None, b'{"a":1}', "data", {"a": 1}),
        (None, b"no json", "data_base64", "bm8ganNvbg=="),
        (b"application/octet-stream", b"\x00\xff\x01", "data_base64", "AP8B"),
        (b"text/plain", b"hi", "data", "hi"),
        (b"text/plain; charset=utf-16", b"hi", "data_base64", "aGk="),
        (b"Application/x+JSON; charset=UTF-8", b"1", "data", 1),
    ],
)
def test_data_by_its_content_type(content_type: bytes | None, value: bytes, member: str, data: object) -> None:
    headers = ATTRIBUTES if content_type is None else [("content-type", content_type), *ATTRIBUTES]
    assert event_of(value, headers).content[member] == data


def test_a_tombstone_is_an_event_without_data() -> None:
    assert event_of(b"", ATTRIBUTES).content.keys() == {"specversion", "id", "source", "type"}


def test_structured_mode_is_not_read_as_binary() -> None:
    structured = ("content-type", b"application/cloudevents+json; charset=UTF-8")
    assert event_of(INNER, [structured, *ATTRIBUTES]).id == "inner"
    assert event_of(INNER, [JSON]).id == "inner"


@pytest.mark.parametrize(
    ("header", "pointer"),
    [
        (("ce_id", b"2"), "/id"),
        (("ce_data", b"1"), "/data"),
        (("ce_data_base64", b"1"), "/data_base64"),
        (("ce_subject", b"\xff"), "/subject"),
        (("ce_\udcff", b"1"), "/?"),
    ],
)
def test_headers_that_are_no_attributes_are_named(header: tuple[str, bytes], pointer: str) -> None:
    with pytest.raises(InvalidEvent) as found:
        event_of(b"", [*ATTRIBUTES, header])
    assert pointer in {fault.pointer for fault in found.value.faults}


@pytest.mark.parametrize(
    ("headers", "value", "wrong"),
    [
        ([JSON, ("ce_specversion", b"0.3"), *ATTRIBUTES[1:]], b"{}", "/specversion must be"),
        ([("content-type", b"application/json; charset=utf-16"), *ATTRIBUTES], "{}".encode("utf-16"), "utf-16"),
        ([("content-type", b"application/json; charset=utf-16"), *ATTRIBUTES], b"{}", "utf-16"),
        ([("content-type", b"nonsense"), *ATTRIBUTES], b"{}", "/datacontenttype must be a media type"),
        ([("content-type", b""), *ATTRIBUTES], b"{}", "/datacontenttype must not be empty"),
        ([("content-type", b"a/b\0"), *ATTRIBUTES], b"{}", "/datacontenttype contains the character U+0000"),
        ([("content-type", b"\xff"), *ATTRIBUTES], b"{}", "/datacontenttype is not UTF-8"),
        ([JSON, *ATTRIBUTES], b"{", "not JSON"),
        ([JSON, *ATTRIBUTES], b"\xef\xbb\xbf{}", "byte order mark"),
        ([JSON, *ATTRIBUTES], b"[" * 10_000 + b"]" * 10_000, "/data: nested deeper"),
        ([JSON, *ATTRIBUTES, ("ce_Bad-Name", b"1")], b"{}", "/Bad-Name: an attribute name"),
        ([JSON, *ATTRIBUTES, ("ce_time", b"yesterday")], b"{}", "/time must be"),
        ([("content-type", b"application/cloudevents-batch+json"), *ATTRIBUTES], b"[%s]" % INNER, "a JSON object"),
        ([("content-type", b"application/cloudevents+avro"), *ATTRIBUTES], b"\0", "not JSON"),
    ],
)
def test_what_is_wrong_with_a_record_is_said(headers: list[tuple[str, bytes]], value: bytes, wrong: str) -> None:
    with pytest.raises((InvalidEvent, MalformedEvent), match=re.escape(wrong)):
        event_of(value, headers)


def test_attributes_are_taken_as_they_are() -> None:
    """Kafka's headers have no percent-encoding, and one that is null is one that is not set."""
    event = event_of(b"{}", [JSON, *ATTRIBUTES, ("ce_subject", b"a%20b"), ("ce_time", None)])
    assert (event.subject, event.time) == ("a%20b", None)
    structured = ("content-type", b"application/cloudevents-batch+json")
    assert event_of(INNER, [structured, *ATTRIBUTES]).id == "inner"


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["ce_id", "ce_x", "content-type", "ce_data", "ce_\udcff"]),
            st.none() | st.binary(max_size=9),
        )
    ),
    st.binary(max_size=30),
)
def test_any_headers_are_an_event_or_faults(headers: list[tuple[str, bytes | None]], value: bytes) -> None:
    try:
        event = event_of(value, [*ATTRIBUTES, *headers])
    except MensageriaError:
        return
    assert json.loads(event.body)["type"] == "t"
