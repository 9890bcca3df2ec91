"""Traces on the real parts: one event is one trace with every hop, and a receiver that is away costs nothing."""

import asyncio
import json
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from pipeline.core.keys import new
from pipeline.events.event import STRUCTURED
from stack.http_client import http_client
from tests.support import jaeger_server
from tests.support.gateway_process import answers, gateway
from tests.support.otlp_receiver import ReceivedSpan, Receiver
from tests.support.waiting import until

CALLER = "1f7651916cd43dd8448eb211c80319c2"
CALLER_SPAN = "b7ad6b7169203331"
PARENT = f"00-{CALLER}-{CALLER_SPAN}-00"


def hops(spans: list[ReceivedSpan]) -> list[tuple[str, str, str]]:
    return sorted((span.service, span.kind, span.name) for span in spans)


@pytest.fixture
def every_hop(aws: dict[str, str]) -> list[tuple[str, str, str]]:
    queue_b, queue_c = (aws[name].rpartition("/")[2] for name in ("queue_b", "queue_c"))
    topic, sns_topic = aws["kafka_topic"], aws["topic_arn"].rpartition(":")[2]
    return sorted(
        [
            ("gateway", "SERVER", "POST /events"),
            ("gateway", "PRODUCER", f"create {topic}"),
            ("gateway", "CLIENT", f"send {sns_topic}"),
            ("gateway", "CLIENT", f"send {topic}"),
            ("service-b", "CONSUMER", f"process {queue_b}"),
            ("service-c", "CONSUMER", f"process {queue_c}"),
            ("service-c", "CONSUMER", f"process {topic}"),
        ]
    )


async def publish(aws: dict[str, str], event: Any, **headers: str) -> None:
    async with http_client(base_url=aws["gateway"]) as client:
        answer = await client.post("/events", json=event, headers=headers)
        assert answer.status_code == 202, answer.text


async def created(traces: Receiver, source: str, id_: str) -> ReceivedSpan:
    """The span in which an event was created, once it came."""

    async def found() -> Any:
        wanted = {"cloudevents.event_source": source, "cloudevents.event_id": id_}
        return next((span for span in traces.spans if wanted.items() <= span.attributes.items()), None)

    span: ReceivedSpan = await until(found, within_s=20)
    return span


async def ended(traces: Receiver, trace_id: str, span_id: str) -> ReceivedSpan:
    """That span, once it came: a span ends, and is sent, after those below it."""

    async def found() -> Any:
        return next((span for span in traces.trace(trace_id) if span.span_id == span_id), None)

    span: ReceivedSpan = await until(found, within_s=20)
    return span


async def test_one_published_event_is_one_trace_with_every_hop(
    aws: dict[str, str], source: str, traces: Receiver, every_hop: list[tuple[str, str, str]]
) -> None:
    await publish(aws, {"type": "t", "source": source, "id": "1", "data": 1}, traceparent=PARENT)

    async def is_whole() -> bool:
        return len(traces.trace(CALLER)) >= len(every_hop)

    await until(is_whole, within_s=20)
    spans = traces.trace(CALLER)
    assert hops(spans) == every_hop
    server = next(span for span in spans if span.kind == "SERVER")
    create = next(span for span in spans if span.kind == "PRODUCER")
    assert (server.parent_id, create.parent_id) == (CALLER_SPAN, server.span_id)
    assert server.attributes["http.response.status_code"] == 202
    below = [span for span in spans if span.kind in ("CLIENT", "CONSUMER")]
    assert {span.parent_id for span in below} == {create.span_id}
    assert {span.attributes["messaging.system"] for span in below} == {"aws.sns", "aws_sqs", "kafka"}
    assert all((CALLER, create.span_id) in span.links for span in below if span.kind == "CLIENT")
    assert not any(span.is_error for span in spans)


@pytest.mark.jaeger
async def test_jaeger_shows_one_event_as_one_trace_with_every_hop(
    aws: dict[str, str],
    source: str,
    traces: Receiver,
    every_hop: list[tuple[str, str, str]],
    tmp_path: Path,
    unused_tcp_port_factory: Callable[[], int],
) -> None:
    trace_id = "5" * 32
    traceparent = f"00-{trace_id}-{CALLER_SPAN}-00"
    await publish(aws, {"type": "t", "source": source, "id": "1", "data": 1}, traceparent=traceparent)

    async def is_whole() -> bool:
        return len(traces.trace(trace_id)) >= len(every_hop)

    await until(is_whole, within_s=20)
    with jaeger_server.serving(tmp_path, unused_tcp_port_factory) as jaeger:
        for export in traces.exports:
            jaeger.take(export)

        async def is_shown() -> bool:
            return await asyncio.to_thread(jaeger.hops, trace_id) == every_hop

        await until(is_shown, within_s=20)


async def test_a_batch_has_a_span_of_its_own_that_links_its_events(
    aws: dict[str, str], source: str, traces: Receiver
) -> None:
    batch = [{"specversion": "1.0", "type": "t", "source": source, "id": str(number)} for number in range(3)]
    await publish(aws, batch, **{"content-type": "application/cloudevents-batch+json"})
    creates = [await created(traces, source, event["id"]) for event in batch]
    assert len({create.trace_id for create in creates}) == 1

    async def settled() -> Any:
        spans = [span for span in traces.trace(creates[0].trace_id) if span.kind == "CONSUMER"]
        return spans if len(spans) == 3 * len(creates) else None

    for span in await until(settled, within_s=20):
        [(batch_trace, batch_span)] = span.links
        around = await ended(traces, batch_trace, batch_span)
        assert (around.kind, around.parent_id, around.name) == ("CONSUMER", "", span.name)
        assert (span.trace_id, span.parent_id) in around.links
        assert 1 <= len(around.links) <= around.attributes["messaging.batch.message_count"]


async def test_a_bad_traceparent_starts_a_new_trace(aws: dict[str, str], source: str, traces: Receiver) -> None:
    await publish(aws, {"type": "t", "source": source, "id": "1", "data": 1}, traceparent=f"{PARENT}-more")
    create = await created(traces, source, "1")
    assert create.trace_id != CALLER
    server = await ended(traces, create.trace_id, create.parent_id)
    assert (server.kind, server.parent_id) == ("SERVER", "")


async def test_a_refused_request_is_traced_with_its_reason(aws: dict[str, str], traces: Receiver) -> None:
    caller = "2" * 32
    async with http_client(base_url=aws["gateway"]) as client:
        headers = {"content-type": STRUCTURED, "traceparent": f"00-{caller}-{CALLER_SPAN}-00"}
        assert (await client.post("/events", content=b"{}", headers=headers)).status_code == 422

    async def came() -> list[ReceivedSpan]:
        return traces.trace(caller)

    [span] = await until(came, within_s=20)
    assert span.attributes["http.response.status_code"] == 422
    assert span.attributes["error.type"] == "InvalidEvent"
    assert not span.is_error


async def test_what_a_dead_letter_is_made_of_is_in_its_trace(
    aws: dict[str, str], source: str, traces: Receiver, system: Any
) -> None:
    trace_id = "3" * 32
    await publish(aws, {"type": "t", "source": source, "id": "1", "data": "first"})
    await created(traces, source, "1")

    async def is_stored() -> bool:
        async with http_client(base_url=aws["query"]) as client:
            answer = await client.get("/event", params={"source": source, "id": "1"})
        return answer.status_code == 200 and answer.json()["receipt"]["postgres"] is not None

    await until(is_stored, within_s=20)
    event = {"type": "t", "source": source, "id": "1", "data": "second"}
    await publish(aws, event, traceparent=f"00-{trace_id}-{CALLER_SPAN}-00")

    async def in_conflict() -> Any:
        return next((each for each in traces.trace(trace_id) if each.attributes.get("error.type") == "conflict"), None)

    span = await until(in_conflict, within_s=20)
    assert span.service == "service-b"
    lines = [json.loads(line) for line in (system.home / "logs" / "service-b.log").read_text().splitlines()]
    [line] = [each for each in lines if each["event"] == "dead letter" and each.get("source") == source]
    assert (line["reason"], line["id"]) == ("conflict", "1")
    assert (line["trace_id"], line["span_id"]) == (trace_id, span.parent_id)


async def test_only_of_a_known_sender_is_the_flag_obeyed(
    aws: dict[str, str], source: str, traces: Receiver, unused_tcp_port: int, tmp_path: Path
) -> None:
    key, line = new("shop")
    (tmp_path / "keys").write_text(line)
    settings = {"GATEWAY_KEYS_FILE": str(tmp_path / "keys"), "TRACE_RATIO": "0", "TRACES_PER_S": "0.01"}
    trace_ids = [f"{number:032x}" for number in range(1, 5)]
    async with (
        gateway(aws, unused_tcp_port, traces_to=traces.url, **settings) as process,
        http_client(base_url=f"http://127.0.0.1:{unused_tcp_port}") as client,
    ):
        await until(lambda: answers(client, "/readyz", 200), within_s=20)
        for number, trace_id in enumerate(trace_ids):
            headers = {"authorization": f"Bearer {key}", "traceparent": f"00-{trace_id}-{CALLER_SPAN}-0{number % 2}"}
            answer = await client.post("/events", json={"type": "t", "source": source, "data": 1}, headers=headers)
            assert answer.status_code == 202
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), 10) == 0
    of_gateway = [span for span in traces.spans if span.kind == "SERVER"]
    sampled = [trace_id for trace_id in trace_ids if any(span.trace_id == trace_id for span in of_gateway)]
    assert sampled == trace_ids[1:2]  # then the bound is reached


@contextmanager
def refusing() -> Iterator[str]:
    """The address of a receiver that is down."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    yield f"http://127.0.0.1:{port}"


@contextmanager
def hanging() -> Iterator[str]:
    """The address of a receiver that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


@pytest.mark.parametrize("receiver", [refusing, hanging])
async def test_a_receiver_that_is_away_costs_events_nothing(
    aws: dict[str, str], source: str, unused_tcp_port: int, scale: float, receiver: Callable[[], Any]
) -> None:
    with receiver() as url:
        async with (
            gateway(aws, unused_tcp_port, traces_to=url, TRACES_PER_S="100000") as process,
            http_client(base_url=f"http://127.0.0.1:{unused_tcp_port}") as client,
        ):
            await until(lambda: answers(client, "/readyz", 200), within_s=20)
            for number in range(int(1000 * scale)):
                answer = await client.post("/events", json={"type": "t", "source": source, "data": number})
                assert answer.status_code == 202
            begun = time.monotonic()
            process.send_signal(signal.SIGTERM)
            assert await asyncio.wait_for(process.wait(), 10) == 0
            assert time.monotonic() - begun < 3
