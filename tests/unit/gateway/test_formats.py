"""Every form in which an event comes in becomes the same structured JSON."""

import base64
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.answers import refusal
from gateway.errors import InvalidBatch, TooLarge, UnsupportedCoding
from gateway.formats import media_types
from gateway.inbound import Inbound
from pipeline.core.errors import Fault, InvalidEvent, MalformedEvent, MensageriaError, UnsupportedMediaType
from pipeline.core.faults import KINDS
from pipeline.events.event import STRUCTURED, Event

SOURCE = "urn:mensageria:gateway"
EVENT: dict[str, Any] = {"specversion": "1.0", "id": "1", "source": "/s", "type": "t"}
CE = {"ce-specversion": "1.0", "ce-id": "1", "ce-source": "/s", "ce-type": "t"}


def inbound(body: bytes, content_type: str | None = "application/json", **headers: str) -> Inbound:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    if content_type is not None:
        named["content-type"] = content_type
    return Inbound([(name.encode(), value.encode()) for name, value in named.items()], body)


def read_one(request: Inbound) -> Event:
    event = media_types.read(request, SOURCE)
    assert isinstance(event, Event)
    return event


def faults(request: Inbound) -> list[Fault]:
    with pytest.raises(InvalidEvent) as caught:
        media_types.read(request, SOURCE)
    return caught.value.faults


def test_a_structured_event_goes_on_as_the_bytes_that_came() -> None:
    body = b'{ "type":"t", "id":"1","source":"/s","specversion":"1.0", "data": 1.50 }'
    assert read_one(inbound(body, 'Application/CloudEvents+JSON; charset="UTF-8"')).body == body


def test_a_simple_event_gets_an_id_and_a_source() -> None:
    event = read_one(inbound(b'{"type": "t", "data": null}'))
    assert (event.source, event.type, event.id[14]) == (SOURCE, "t", "7")
    assert event.content["data"] is None


def test_the_idempotency_key_is_the_id_where_the_event_has_none() -> None:
    assert read_one(inbound(b'{"type": "t", "data": 1}', idempotency_key="k-é")).id == "k-é"
    assert read_one(inbound(b'{"type": "t", "data": 1, "id": "own"}', idempotency_key="k")).id == "own"
    assert faults(inbound(b'{"type": "t", "data": 1}', idempotency_key=""))[0].pointer == "/id"


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.text(st.characters(exclude_characters="\0", codec="utf-8")),
    lambda children: (
        st.lists(children, max_size=3) | st.dictionaries(st.text("ab~/é", max_size=3), children, max_size=3)
    ),
    max_leaves=8,
)


@given(json_values, st.sampled_from([None, 1]))
def test_the_data_of_a_simple_event_travels_as_the_same_bytes(value: Any, indent: int | None) -> None:
    data = json.dumps(value, indent=indent).encode()
    event = read_one(inbound(b'{"data": %b, "type": "t"}' % data))
    assert bytes(msgspec.json.decode(event.body, type=dict[str, msgspec.Raw])["data"]) == data


@given(
    st.fixed_dictionaries(
        {"type": st.text(min_size=1), "data": json_values | st.floats(allow_nan=False)},
        optional=dict.fromkeys(("id", "source", "subject", "time", "more"), json_values),
    ),
    st.none() | st.text(),
)
def test_a_simple_event_is_what_its_structured_form_says(content: dict[str, Any], key: str | None) -> None:
    headers = {} if key is None else {"idempotency_key": key.encode("utf-8", "replace").decode()}
    request = inbound(json.dumps(content).encode("utf-8", "surrogatepass"), **headers)
    try:
        event = read_one(request)
    except (InvalidEvent, MalformedEvent):
        return
    structured = media_types.read(inbound(event.body, STRUCTURED), SOURCE)
    assert structured == event


def test_every_fault_of_a_simple_event_is_in_one_answer() -> None:
    found = faults(inbound(b'{"type": "", "a/b": 1, "time": "soon"}'))
    assert {fault.pointer for fault in found} == {"/a~1b", "/data", "/type", "/time"}


def test_a_batch_is_read_in_its_order_each_event_as_its_own_bytes() -> None:
    bodies = [json.dumps(EVENT | {"id": str(number)}, indent=number).encode() for number in range(3)]
    events = media_types.read(inbound(b"[" + b" , ".join(bodies) + b"]", media_types.BATCH), SOURCE)
    assert isinstance(events, list)
    assert [event.body for event in events] == bodies


def test_an_empty_batch_has_no_events() -> None:
    assert media_types.read(inbound(b"[]", media_types.BATCH), SOURCE) == []


def test_a_batch_names_each_event_that_is_wrong() -> None:
    body = json.dumps([EVENT, EVENT | {"id": 7}, 1]).encode()
    with pytest.raises(InvalidBatch) as caught:
        media_types.read(inbound(body, media_types.BATCH), SOURCE)
    assert set(caught.value.errors) == {1, 2}


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"[", MalformedEvent),
        (b"{}", InvalidEvent),
        (b"\xff", MalformedEvent),
        (b"[" + b",".join([b"1"] * 501) + b"]", TooLarge),
    ],
)
def test_a_batch_that_is_none_is_refused(body: bytes, error: type[MensageriaError]) -> None:
    with pytest.raises(error):
        media_types.read(inbound(body, media_types.BATCH), SOURCE)


@pytest.mark.parametrize(
    ("content_type", "body", "payload"),
    [
        ("application/json", b'{"a": 1.50}', {"data": {"a": 1.5}}),
        ("application/vnd.x+json; charset=utf-8", b"[1]", {"data": [1]}),
        ("text/plain", "olá".encode(), {"data": "olá"}),
        ("text/plain; charset=iso-8859-1", b"\xe1", {"data_base64": "4Q=="}),
        ("text/plain", b"a\0b", {"data_base64": base64.b64encode(b"a\0b").decode()}),
        ("image/png", b"\x89PNG", {"data_base64": "iVBORw=="}),
        (None, b"", {}),
    ],
)
def test_binary_mode_keeps_the_data(content_type: str | None, body: bytes, payload: dict[str, Any]) -> None:
    content = read_one(inbound(body, content_type, **CE)).content
    wanted = EVENT | payload | ({"datacontenttype": content_type} if content_type else {})
    assert content == wanted


def test_binary_mode_decodes_attributes() -> None:
    event = read_one(inbound(b"", None, **CE | {"ce-subject": '"a \\"b\\" %C3%A9%25"', "ce-ext1": "%F0%9F%98%80"}))
    assert event.subject == 'a "b" é%'
    assert event.content["ext1"] == "😀"


def test_binary_mode_names_the_headers_that_are_wrong() -> None:
    request = inbound(b"", None, **CE | {"ce-data": "x", "ce-datacontenttype": "x", "ce-x": "%ff", "ce-time": "soon"})
    request.headers.append((b"ce-id", b"2"))
    assert {fault.pointer for fault in faults(request)} == {"/data", "/datacontenttype", "/x", "/time", "/id"}


def test_binary_mode_needs_json_where_it_says_json() -> None:
    with pytest.raises(MalformedEvent):
        media_types.read(inbound(b'{"a":', **CE), SOURCE)
    with pytest.raises(MalformedEvent):
        media_types.read(inbound(b'1,"evil":"x"', **CE), SOURCE)


@pytest.mark.parametrize(
    ("content_type", "headers"),
    [
        (None, {}),
        ("text/plain", {}),
        ("application/cloudevents+xml", CE),
        ("application/json; charset=latin1", {}),
        ('application/cloudevents+json; x=y; Charset="UTF-16"', {}),
        ("application/json", {"content_encoding": "gzip"}),
    ],
)
def test_another_content_type_is_refused(content_type: str | None, headers: dict[str, str]) -> None:
    with pytest.raises(UnsupportedMediaType):
        media_types.read(inbound(b'{"type": "t", "data": 1}', content_type, **headers), SOURCE)


@pytest.mark.parametrize(
    ("name", "first", "second"),
    [
        ("content-type", "application/json", "application/cloudevents+json"),
        ("idempotency-key", "a", "b"),
    ],
)
def test_a_header_that_stands_twice_with_two_values_is_refused_by_its_name(name: str, first: str, second: str) -> None:
    request = inbound(b'{"type": "t", "data": 1}')
    request.headers[:] = [(b"content-type", b"application/json")] if name != "content-type" else []
    request.headers.extend([(name.encode(), first.encode()), (name.encode(), second.encode())])
    with pytest.raises(MalformedEvent, match=name):
        media_types.read(request, SOURCE)
    request.headers.pop()
    request.headers.append((name.encode(), first.encode()))
    read_one(request)


def test_a_batch_with_two_contents_of_one_identity_is_refused_and_both_are_named() -> None:
    events = [EVENT | {"data": 1}, EVENT | {"id": "2"}, EVENT | {"data": 2}]
    with pytest.raises(InvalidBatch) as caught:
        media_types.read(inbound(json.dumps(events).encode(), media_types.BATCH), SOURCE)
    assert set(caught.value.errors) == {0, 2}
    assert "event 2" in str(caught.value.errors[0])
    assert "event 0" in str(caught.value.errors[2])


def test_a_batch_may_hold_the_same_event_twice() -> None:
    body = json.dumps([EVENT, dict(reversed(EVENT.items()))]).encode()
    assert len(media_types.read(inbound(body, media_types.BATCH), SOURCE)) == 2  # type: ignore[arg-type]


def binary(body: bytes = b"1", content_type: str = "application/json", **attributes: str) -> Inbound:
    return inbound(body, content_type, **CE | {f"ce-{name}": value for name, value in attributes.items()})


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        (" 7 ", "7"),
        ("7\t", "7"),
        ("\t7", "7"),
        ('"7 "', "7 "),
        ('"Blue" and "Green"', '"Blue" and "Green"'),
        ('"a \\"b\\""', 'a "b"'),
        ('"', '"'),
        ('"a\\"', '"a\\"'),
        ("50%25", "50%"),
        ("Euro%20%E2%82%AC", "Euro €"),
    ],
)
def test_a_value_in_a_header_is_read_without_what_is_around_it(sent: str, read: str) -> None:
    assert read_one(binary(subject=sent)).subject == read


def test_white_space_around_a_content_type_is_no_part_of_it() -> None:
    event = read_one(binary(b'{"a": 1}', " application/json\t"))
    assert (event.content["datacontenttype"], event.content["data"]) == ("application/json", {"a": 1})


def test_a_percent_sign_that_was_decoded_is_named_as_the_cause() -> None:
    [fault] = faults(binary(source="/a%20b"))
    assert (fault.pointer, "%25" in fault.detail) == ("/source", True)
    assert read_one(binary(source="/a%2520b")).source == "/a%20b"
    assert "%25" not in faults(binary(source="/a b"))[0].detail


def test_one_cause_is_one_fault() -> None:
    assert [fault.pointer for fault in faults(binary(id="%C0%A0"))] == ["/id"]
    with pytest.raises(MalformedEvent, match="surrogate"):
        media_types.read(inbound(json.dumps([EVENT | {"data": "\ud800"}]).encode(), media_types.BATCH), SOURCE)


def test_data_that_is_no_json_is_told_by_its_content_type() -> None:
    with pytest.raises(MalformedEvent, match=r"application/vnd.a\+json"):
        media_types.read(binary(b"{", "application/vnd.a+json"), SOURCE)


@pytest.mark.parametrize("key", ["x", '"x"', ' "x"', "x\t"])
def test_an_idempotency_key_is_the_same_with_and_without_quotation_marks(key: str) -> None:
    assert read_one(inbound(b'{"type": "t", "data": 1}', idempotency_key=key)).id == "x"


@pytest.mark.parametrize(
    ("source", "publisher", "expected"),
    [
        ("urn:mensageria:gateway", "shop", "urn:mensageria:gateway:shop"),
        ("https://gate.example", "shop é", "https://gate.example/shop%20%C3%A9"),
        ("urn:mensageria:gateway", None, "urn:mensageria:gateway"),
    ],
)
def test_the_source_of_a_simple_event_is_the_senders_own(source: str, publisher: str | None, expected: str) -> None:
    request = msgspec.structs.replace(inbound(b'{"type": "t", "data": 1}'), publisher=publisher)
    event = media_types.read(request, source)
    assert isinstance(event, Event)
    assert event.source == expected


@pytest.mark.parametrize(
    "codings", [["gzip"], ["GZIP"], ["x-gzip"], ["zstd"], ["gzip, identity"], ["identity", "gzip"]]
)
def test_a_coding_is_refused_as_such(codings: list[str]) -> None:
    request = inbound(b'{"type": "t", "data": 1}')
    request.headers.extend((b"content-encoding", coding.encode()) for coding in codings)
    with pytest.raises(UnsupportedCoding) as caught:
        media_types.read(request, SOURCE)
    answer = refusal(caught.value)
    assert (answer.status, answer.headers["accept-encoding"]) == (415, "identity")


@pytest.mark.parametrize("codings", [["identity"], ["Identity", "identity"], [""], ["identity, identity"]])
def test_no_coding_is_taken(codings: list[str]) -> None:
    request = inbound(b'{"type": "t", "data": 1}')
    request.headers.extend((b"content-encoding", coding.encode()) for coding in codings)
    assert read_one(request).type == "t"


@pytest.mark.parametrize(
    ("content_type", "headers"),
    [
        ("application/cloudevents+json", {}),
        ("application/cloudevents-batch+json", {}),
        ("application/json", {}),
        ("application/json; charset=utf-8", CE),
        ("application/vnd.shop+json", CE),
    ],
)
@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"{", "not-json"),
        (b"\xef\xbb\xbf{}", "byte-order-mark"),
        (b'["\xff"]', "not-utf8-json"),
        (b"[NaN]", "not-json-constant"),
    ],
)
def test_the_refusal_of_what_is_not_json_names_the_header_that_says_it_is(
    content_type: str, headers: dict[str, str], body: bytes, code: str
) -> None:
    with pytest.raises((MalformedEvent, InvalidBatch)) as caught:
        media_types.read(inbound(body, content_type, **headers), SOURCE)
    answer = refusal(caught.value)
    fault = answer.content.get("errors", [answer.content])[0]
    assert (answer.status, fault["code"]) == (400, code)
    assert fault["detail"].endswith(f"; the header Content-Type: {content_type} says that it is JSON")


def test_a_header_of_any_length_leaves_the_refusal_short() -> None:
    with pytest.raises(MalformedEvent) as caught:
        media_types.read(inbound(b"{", "application/json;" + "a" * 60_000), SOURCE)
    assert len(refusal(caught.value).body) < 2_000


@pytest.mark.parametrize(
    ("body", "codes"),
    [
        (b'{"type": "", "data": 1, "x": 1}', ["unknown-member", "empty"]),
        (b"[]", ["not-simple"]),
        (b'{"type": "t", "data": 1e400}', ["number-out-of-range"]),
        (b'{"type": "t", "data": %s}' % (b"9" * 5000), ["number-too-long"]),
        (b'{"type": "t", "data": %s1%s}' % (b"[" * 70, b"]" * 70), ["too-deep"]),
    ],
)
def test_a_fault_has_a_code_and_the_parameters_of_its_text(body: bytes, codes: list[str]) -> None:
    with pytest.raises(InvalidEvent) as caught:
        media_types.read(inbound(body), SOURCE)
    errors = refusal(caught.value).content["errors"]
    assert [error["code"] for error in errors] == codes
    for error in errors:
        assert KINDS[error["code"]](**error["parameters"]).detail == error["detail"]


def test_the_faults_that_are_not_listed_are_counted_in_a_parameter() -> None:
    with pytest.raises(InvalidEvent) as caught:
        media_types.read(
            inbound(json.dumps(EVENT | {f"A{at}": 1 for at in range(12_345)}).encode(), STRUCTURED), SOURCE
        )
    more = refusal(caught.value).content["errors"][-1]
    assert more == {"pointer": "", "detail": "and 12,325 more", "code": "more", "parameters": {"count": 12_325}}


def test_two_contents_of_one_event_have_a_code() -> None:
    batch = json.dumps([EVENT | {"data": 1}, EVENT | {"data": 2}]).encode()
    with pytest.raises(InvalidBatch) as caught:
        media_types.read(inbound(batch, media_types.BATCH), SOURCE)
    errors = refusal(caught.value).content["errors"]
    assert [(error["code"], error["parameters"]) for error in errors] == [
        ("conflict", {"index": 1}),
        ("conflict", {"index": 0}),
    ]
