"""Whatever strangers send is read in time that grows with its size, and no faster.

Each reader is given inputs of doubling size in many shapes. CPU time, not the clock: other
processes of the machine don't count.
"""

import gc
import json
import math
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from urllib.parse import urlencode

import msgspec
import pytest
from aiokafka import ConsumerRecord

from cli import dead_letter_commands, erasure, output, times
from gateway.answers import refusal
from gateway.errors import InvalidBatch
from gateway.formats import media_types
from gateway.formats.schemas import Schemas
from gateway.inbound import Inbound
from lambda_query import cursor
from lambda_query.parameters import parse_differences, parse_identity, parse_list, parse_stats
from operations import dead_letter_queue, dead_letter_topic, in_order
from operations.dead_letters import DeadLetter
from pipeline.clients import sqs_text
from pipeline.clients.sqs import Message, Queue
from pipeline.core import keys, trace_context
from pipeline.core.errors import InvalidEvent, MensageriaError, Rejected
from pipeline.events import receipts
from pipeline.events.delivery import Arrival, Attribute, event_of
from pipeline.events.envelope import Envelope, enclosed, open_envelope
from pipeline.events.event import STRUCTURED, parse
from pipeline.events.strict_json import parse_json
from stack.log_lines import Choice, readable
from streams.dead_letter_writers import _ever_smaller, _every_form
from web.answers import Record
from web.events.event_contents import Contents
from web.events.journey import Journey
from web.operating import dead_letters, exposition
from web.operating.dead_letter_listing import Summary
from web.publishing import lines
from web.publishing.draft import Draft
from web.publishing.json_lines import lines_of
from web.site import form

SIZES = (16_000, 32_000, 64_000)
MOST_GROWTH = 2.6
"""For twice the input, in the mean of two doublings."""
_SURE_S = 0.002
"""What is done in less is too quick to be measured."""
_ROUNDS = 15

Shape = Callable[[int], str]
Reader = Callable[[str], Any]

MOMENT = "2026-11-23T15:24:00.000000Z"
NO_CALLS: Any = None
HEAD = '{"specversion":"1.0","id":"1","source":"/s","type":"t"'


def times_over(unit: str, joint: str = ",", begin: str = "", end: str = "") -> Shape:
    """`begin`, `unit` as often as the size has room for it, `end`; `#` in the unit counts."""

    def made(size: int) -> str:
        return begin + joint.join(unit.replace("#", str(at)) for at in range(size // (len(unit) + 5))) + end

    return made


def data(unit: str, begin: str = "[", end: str = "]") -> Shape:
    return times_over(unit, begin=f'{HEAD},"data":{begin}', end=f"{end}}}")


def below_a_long_name(unit: str, end: str = "]}") -> Shape:
    """Values whose pointers are each half as long as the event."""

    def made(size: int) -> str:
        return data(unit, begin='{"' + "x" * (size // 2) + '":[', end=end)(size // 2)

    return made


JSON: dict[str, Shape] = {
    "a name twice at the end": times_over('"n#":1', begin=HEAD + ',"data":{', end=',"x":1,"x":2}}'),
    "one name many times": times_over('"n":1', begin=HEAD + ',"data":{', end="}}"),
    "escaped names": times_over('"\\u0061#":1', begin=HEAD + ',"data":{', end="}}"),
    "faulty attributes": times_over('"A_#":1', begin=HEAD + ",", end="}"),
    "attributes that are objects": times_over('"a#":{"b":1}', begin=HEAD + ",", end="}"),
    "attributes with controls": times_over('"a#":"\\u0007"', begin=HEAD + ",", end="}"),
    "one long attribute": times_over("x", "", begin=HEAD + ',"a":"', end='"}'),
    "one long name": times_over("x", "", begin=HEAD + ',"A', end='":1}'),
    "a long time": times_over("1", "", begin=HEAD + ',"time":"2026-11-23T15:24:00.', end='"}'),
    "a long media type": times_over(";a=b", "", begin=HEAD + ',"datacontenttype":"a/b', end='"}'),
    "a quoted media type": times_over('\\\\\\"', "", begin=HEAD + ',"datacontenttype":"a/b;c=\\"', end='"}'),
    "a long schema": times_over("/%41", "", begin=HEAD + ',"dataschema":"a:', end='"}'),
    "a long source": times_over("a:@", "", begin='{"specversion":"1.0","id":"1","type":"t","source":"//', end='"}'),
    "long base64": times_over("AAAA", "", begin=HEAD + ',"data_base64":"', end='"}'),
    "broken base64": times_over("A=A!", "", begin=HEAD + ',"data_base64":"', end='"}'),
    "U+0000 in values": data('"\\u0000"'),
    "U+0000 in names": data('"\\u0000#":1', "{", "}"),
    "the text of U+0000": data('"\\\\u0000"'),
    "large numbers": data("1e307"),
    "small numbers": data("1e-307"),
    "long numbers": data("1234567890" * 90),
    "long fractions": data("0." + "1234567890" * 90),
    "numbers out of range": data("1e999"),
    "many digits": times_over("7", "", begin=HEAD + ',"data":', end="}"),
    "a constant and many digits": times_over("7", "", begin='[NaN,"', end='"]'),
    "a constant before many digits": times_over("7", "", begin="[NaN,", end="]"),
    "small arrays": data("[[]]"),
    "small objects": data('{"a":{}}'),
    "deep arrays": lambda size: HEAD + ',"data":' + "[" * (size // 2) + "]" * (size // 2) + "}",
    "deep objects": lambda size: HEAD + ',"data":' + '{"a":' * (size // 6) + "1" + "}" * (size // 6) + "}",
    "never closed": lambda size: "[" * size,
    "quotation marks": data('"\\"#"'),
    "backslashes": times_over("\\\\", "", begin=HEAD + ',"data":"', end='"}'),
    "a string that never ends": times_over('\\"', "", begin=HEAD + ',"data":"'),
    "lone surrogates": data('"\\ud800"'),
    "lines": times_over(" ", "\n", begin=HEAD + ',"data":1', end="}"),
    "white space": times_over(" \t", "", end=HEAD + "}"),
    "U+0000 below a long name": below_a_long_name('"\\u0000"'),
    "U+0000 behind values below a long name": below_a_long_name("[]", end=',"\\u0000"]}'),
    "U+0000 in names below a long name": below_a_long_name('{"\\u0000":1}'),
    "numbers out of range below a long name": below_a_long_name("1e999"),
    "numbers below a long name": below_a_long_name("1"),
    "commas": times_over("", begin="["),
}
BATCHES: dict[str, Shape] = {
    "events": times_over(HEAD + ',"n":#}', begin="[", end="]"),
    "equal events": times_over(HEAD + "}", begin="[", end="]"),
    "faulty events": times_over('{"A":1,"B":2}', begin="[", end="]"),
    "one faulty event": lambda size: f"[{JSON['faulty attributes'](size)}]",
    "small values": times_over("1", begin="[", end="]"),
}
TEXTS: dict[str, Shape] = {
    "parameters": times_over("p#=1", "&"),
    "one parameter": times_over("from=%32", "&"),
    "percent signs": times_over("%25", "", begin="source="),
    "broken percent signs": times_over("%", "", begin="type="),
    "a long time": times_over("1", "", begin="from=2026-11-23T15:24:00.", end="Z"),
    "fields": times_over("source", ",", begin="fields="),
    "a long cursor": times_over("AAAA", "", begin="cursor="),
    "metrics": times_over('a_total{service="b",via="c"} #', "\n"),
    "labels": times_over('a#="b"', ",", begin="a_total{", end="} 1"),
    "open labels": times_over('a="', ",", begin="a_total{", end="} 1"),
    "a traceparent": times_over("0", "", begin="00-" + "1" * 32 + "-" + "2" * 16 + "-01-"),
    "dashes": times_over("-", ""),
    "colours": times_over("\x1b[31m", ""),
    "lines": times_over("{}", "\n"),
    "an age": times_over("1", "", end="d"),
}

SCHEMAS = Schemas(
    {"t": {"type": "object", "additionalProperties": {"type": "array", "items": {"type": "string"}}}},
)


def inbound(text: str, content_type: str, **headers: str) -> Inbound:
    named = {"content-type": content_type, **{name.replace("_", "-"): value for name, value in headers.items()}}
    return Inbound([(name.encode(), value.encode()) for name, value in named.items()], text.encode())


def read_form(content_type: str, **headers: str) -> Reader:
    def reader(text: str) -> None:
        try:
            media_types.read(inbound(text, content_type, **headers), "urn:test", SCHEMAS.faults)
        except MensageriaError as error:
            refusal(error)

    return reader


BINARY = {"ce_specversion": "1.0", "ce_id": "1", "ce_source": "/s", "ce_type": "t"}


def read_headers(text: str) -> None:
    """`text` as values of a header, each of a size that a head may have."""
    for at in range(0, len(text), 8_000):
        part = "".join(sign for sign in text[at : at + 8_000] if " " <= sign <= "~")
        read_form("application/json", **BINARY, ce_a=part, ce_subject=f'"{part}"')("{}")
        read_form(f"text/plain;{part}", **BINARY)("1")


def read_letter(text: str) -> None:
    letter = Envelope(
        reason="invalid",
        detail=text,
        service="c",
        via="kafka",
        origin={},
        first_seen="2026-11-23T15:24:00.000000Z",
        attempts=1,
        body_base64=text.encode(),
    )
    assert open_envelope(msgspec.json.encode(letter)) == letter
    open_envelope(text.encode())


def summarised(letter: DeadLetter) -> None:
    Summary.of(letter)
    with suppress(MensageriaError):
        letter.outgoing()


def read_dead_message(text: str) -> None:
    """A message that SQS moved, as it lies in a dead-letter queue."""
    attributes = {"SentTimestamp": "0", "ApproximateReceiveCount": "6"}
    beside = {"traceparent": {"DataType": "String", "StringValue": text}}
    raw = {"MessageId": "1", "ReceiptHandle": "1", "Body": text, "Attributes": attributes, "MessageAttributes": beside}
    message = msgspec.json.decode(msgspec.json.encode(raw), type=Message)
    summarised(dead_letter_queue.letter_of(message, "b", Queue("http://sqs/queue", NO_CALLS), "b"))


def read_dead_record(text: str) -> None:
    """A record in the dead-letter topic that somebody else wrote."""
    body = text.encode()
    sizes = {"serialized_key_size": len(body), "serialized_value_size": len(body)}
    record = ConsumerRecord("dead", 0, 0, 0, 0, body, body, None, headers=[("ce_id", body)], **sizes)
    summarised(dead_letter_topic.letter_of(record))


def handle_letter(text: str) -> None:
    """A letter with `text` in every place, as it is written, shown, sent again and searched."""
    octets = text.encode(errors="surrogatepass")
    parts = [octets[at : at + 16] for at in range(0, len(octets), 16)]
    headers = [("subject", octets), *((f"ce_{number}", part) for number, part in enumerate(parts))]
    attributes = {"a": Attribute("String", text), "b": Attribute("Binary", binary=octets)}
    of_record = Arrival(octets, "kafka", {}, MOMENT, key=octets, headers=headers)
    of_message = Arrival(octets, "sqs", {}, MOMENT, attributes=attributes)
    for arrival, forms in ((of_record, _ever_smaller), (of_message, _every_form)):
        kept = enclosed(arrival, Rejected("invalid", text), "c")
        written = msgspec.json.encode(kept)
        assert len(list(forms(written))) > 3
        assert open_envelope(written) == kept
        letter = DeadLetter("c", "c:1", kept)
        summarised(letter)
        erasure.concerns(letter, "nobody")
        output.inert(msgspec.json.encode(dead_letter_commands._whole(letter)).decode())
        assert dead_letters._view(letter)


def read_record(text: str) -> None:
    """`text` as the headers of a record in binary mode, many and one, and as its value."""
    octets = text.encode(errors="surrogatepass")
    many = [(f"ce_{text[at : at + 4]}", octets[at : at + 12]) for at in range(0, len(octets), 16)]
    for headers in (many, [("ce_a", octets)], [("content-type", octets)], [("content-type", b"text/plain")], []):
        with suppress(MensageriaError):
            event_of(octets, [*((name, value.encode()) for name, value in BINARY.items()), *headers])
    in_order.keys_of(octets)
    receipts.decode(octets)
    receipts.decode_follow(octets)


def read_journey(text: str) -> None:
    """The receipt of an event, and what its page shows of it."""
    copy = {"stored_at": "2026-11-23T15:24:01Z", "via": "kafka", "origin": {"queue": text, "traceparent": text}}
    receipt = {"received_at": MOMENT, "postgres": None, "dynamodb": {"sqs": copy, "kafka": copy}}
    whole = {"source": text, "id": text, "event": msgspec.Raw(text.encode()), "receipt": receipt, "complete": False}
    record = msgspec.json.decode(msgspec.json.encode(whole), type=Record)
    journey = Journey.of(record, None).delayed(frozenset())
    assert journey.elapsed is not None
    Contents.of(bytes(record.event))


def check_draft(text: str) -> None:
    draft = Draft(written_as="json", json=text)
    draft.tidied()
    try:
        parse(draft.body())
    except InvalidEvent as error:
        lines_of(text, [fault.pointer for fault in error.listed()])
        lines_of(text, ["/data/0/1"] * 1000 + [f"/data/{at}" for at in range(1000)])
    Draft(type="t", data=text).body()


def read_event(text: str) -> None:
    event = parse(text.encode())
    event.content_hash()
    Contents.of(event.body)
    Draft.again(event.body)


def read_query(parse_query: Callable[[str], Any]) -> Reader:
    def reader(text: str) -> None:
        with suppress(MensageriaError):
            parse_query(text)
        with suppress(MensageriaError):
            parse_query(urlencode({"source": text, "id": text}))

    return reader


def read_log_line(text: str) -> None:
    for line in (text, json.dumps({"event": text, "ids": [text], "level": "info"})):
        Choice(text[:100]).holds(line)
        readable(line)


BODY_READERS: dict[str, Reader] = {
    "strict JSON": lambda text: parse_json(text.encode()),
    "event": read_event,
    "event with a schema": lambda text: parse(text.encode(), SCHEMAS.faults),
    "structured": read_form(STRUCTURED),
    "simple": read_form("application/json"),
    "binary": read_form("application/json", **BINARY),
    "binary text": read_form("text/plain", **BINARY),
    "batch": read_form(media_types.BATCH),
    "letter": read_letter,
    "dead message": read_dead_message,
    "dead record": read_dead_record,
    "any letter": handle_letter,
    "record": read_record,
    "journey": read_journey,
    "draft": check_draft,
    "form": lambda text: Draft.typed(form.parse(urlencode({"json": text, "data": text}).encode())),
    "pasted lines": lambda text: lines.read(text, "f", 1),
    "SQS's text": lambda text: (sqs_text.sqs_text(text.encode()), sqs_text.size_bytes(text.encode())),
    "log line": read_log_line,
}
TEXT_READERS: dict[str, Reader] = {
    "list": read_query(lambda text: parse_list(text, b"k")),
    "differences": read_query(lambda text: parse_differences(text, b"k")),
    "stats": read_query(parse_stats),
    "identity": read_query(parse_identity),
    "cursor": lambda text: cursor.decode(text.rpartition("=")[2], "s", b"k"),
    "trace context": lambda text: (trace_context.parse(text), trace_context.is_sampled(text)),
    "metrics": exposition.numbers,
    "form": lambda text: form.parse(text.encode()),
    "CLI's time": lambda text: times.moment(text.partition("=")[2] or text),
    "key": lambda text: keys.owner((), f"Bearer {text}", "a gateway's"),
    "log line": read_log_line,
    "headers": read_headers,
    "pasted lines": lambda text: lines.read(text, "f", 1),
}
CASES = [
    *((reader, shape, BODY_READERS, JSON) for reader in BODY_READERS for shape in JSON),
    *((reader, shape, BODY_READERS, BATCHES) for reader in ("batch", "letter", "pasted lines") for shape in BATCHES),
    *((reader, shape, TEXT_READERS, TEXTS) for reader in TEXT_READERS for shape in TEXTS),
]


def _named(part: Any) -> str | None:
    return part.replace(" ", "_") if isinstance(part, str) else ""


def seconds(reader: Reader, text: str) -> float:
    began = time.process_time()
    with suppress(Exception):
        reader(text)
    return time.process_time() - began


def growth(reader: Reader, shape: Shape) -> float:
    """How many times as long an input takes as one of half its size."""
    texts = [shape(size) for size in SIZES]
    best = [float("inf")] * len(SIZES)
    for _ in range(_ROUNDS):
        best = [min(known, seconds(reader, text)) for known, text in zip(best, texts, strict=True)]
        found = math.pow(max(best) / max(best[0], _SURE_S), 1 / (len(SIZES) - 1))
        if found <= MOST_GROWTH:
            break
    return found


@pytest.mark.parametrize(("reader", "shape", "readers", "shapes"), CASES, ids=_named)
def test_time_grows_as_size_does(reader: str, shape: str, readers: dict[str, Reader], shapes: dict[str, Shape]) -> None:
    gc.disable()
    try:
        found = growth(readers[reader], shapes[shape])
    finally:
        gc.enable()
    assert found <= MOST_GROWTH


def test_a_quadratic_reader_is_found() -> None:
    assert growth(lambda text: [text.count("x", 0, at) for at in range(0, len(text), 20)], "x".__mul__) > 3


@pytest.mark.parametrize("body", [JSON["a name twice at the end"](250_000), JSON["faulty attributes"](250_000)])
def test_the_largest_events_are_refused_soon_and_shortly(body: str) -> None:
    began = time.process_time()
    with pytest.raises(MensageriaError) as caught:
        parse(body.encode())
    assert time.process_time() - began < 0.5
    assert len(str(caught.value)) < 10_000
    assert len(refusal(caught.value).body) < 10_000


def test_each_fault_of_many_is_counted() -> None:
    with pytest.raises(InvalidEvent) as caught:
        parse((HEAD + "".join(f',"A{at}":1' for at in range(1000)) + "}").encode())
    assert (len(caught.value.faults), caught.value.listed()[-1].detail) == (20, "and 980 more")


def test_each_event_of_a_batch_has_a_fault_and_an_answer_stays_short() -> None:
    batch = "[" + ",".join([JSON["faulty attributes"](2_000)] * 500) + "]"
    with pytest.raises(InvalidBatch) as caught:
        media_types.read(inbound(batch, media_types.BATCH), "urn:test")
    answer = refusal(caught.value)
    assert {fault["index"] for fault in answer.content["errors"]} == set(range(500))
    assert len(answer.body) < 150_000
