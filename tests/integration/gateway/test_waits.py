"""`Prefer: wait`: the answer comes once every way has stored the event, else in time."""

import asyncio
import json
import os
import signal
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from stack.http_client import http_client
from tests.support.gateway_process import answers, gateway
from tests.support.waiting import until

BATCH = "application/cloudevents-batch+json"
NOTHING = {"postgres": None, "dynamodb": {"sqs": None, "kafka": None}}
UNREPORTED = "events-dead-letters"
"""A topic on which no receipt ever is: a wait for one runs out."""
ALL_AT_ONCE = httpx.Limits(max_connections=None)
"""httpx opens 100 connections by itself: other requests would wait in the client."""


def body(source: str, id_: str, data: Any = 1) -> dict[str, Any]:
    return {"type": "t", "source": source, "id": id_, "data": data}


async def publish(client: httpx.AsyncClient, event: dict[str, Any], prefer: str) -> httpx.Response:
    return await client.post("/events", json=event, headers={"prefer": prefer})


@pytest.fixture
async def client(aws: dict[str, str]) -> AsyncIterator[httpx.AsyncClient]:
    async with http_client(base_url=aws["gateway"], timeout=60, limits=ALL_AT_ONCE) as one:
        yield one


@asynccontextmanager
async def own_gateway(
    aws: dict[str, str], port: int, **settings: str
) -> AsyncIterator[tuple[asyncio.subprocess.Process, httpx.AsyncClient]]:
    """A gateway of the test's own that is ready, and a client of it."""
    async with (
        gateway(aws, port, **settings) as process,
        http_client(base_url=f"http://127.0.0.1:{port}", timeout=60, limits=ALL_AT_ONCE) as one,
    ):
        await until(lambda: answers(one, "/healthz", 200), within_s=20)
        await until(lambda: answers(one, "/readyz", 200), within_s=20)
        yield process, one


async def query(aws: dict[str, str], source: str, id_: str) -> dict[str, Any]:
    async with http_client(base_url=aws["query"], timeout=30) as one:
        answer = await one.get("/event", params={"source": source, "id": id_})
        return dict(answer.json())


def rss_bytes(pid: int) -> int:
    """The memory that a process has."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


async def waits(client: httpx.AsyncClient, outcome: str) -> float:
    metrics = (await client.get("/metrics")).text
    return next(
        float(line.split()[1])
        for line in metrics.splitlines()
        if line.startswith(f'http_requests_waited_total{{outcome="{outcome}"}}')
    )


async def test_an_event_is_answered_with_its_receipt_once_every_way_has_stored_it(
    aws: dict[str, str], client: httpx.AsyncClient, source: str
) -> None:
    answer = await publish(client, body(source, "é"), "wait=30")
    content = answer.json()
    assert (answer.status_code, answer.headers["preference-applied"]) == (201, "wait")
    assert content["legs"] == {"sns": "stored", "kafka": "stored"}
    assert (content["id"], content["source"], content["type"], content["status"]) == ("é", source, "t", "accepted")
    found = await query(aws, source, "é")
    assert found["complete"]
    assert content["receipt"] == found["receipt"]


async def test_an_event_that_is_sent_again_gets_the_receipt_of_what_is_stored(
    aws: dict[str, str], client: httpx.AsyncClient, source: str
) -> None:
    first = (await publish(client, body(source, "1"), "wait=30")).json()
    again = await publish(client, body(source, "1"), "wait=30")
    assert again.status_code == 201
    assert again.json()["receipt"]["postgres"] == first["receipt"]["postgres"]
    assert again.json()["receipt"] == (await query(aws, source, "1"))["receipt"]


async def test_a_batch_is_answered_once_all_its_events_are_stored(
    aws: dict[str, str], client: httpx.AsyncClient, source: str
) -> None:
    events = [{"specversion": "1.0", **body(source, str(number % 40))} for number in range(41)]
    answer = await client.post(
        "/events", content=json.dumps(events), headers={"content-type": BATCH, "prefer": "wait=30"}
    )
    content = answer.json()["events"]
    assert (answer.status_code, answer.headers["preference-applied"]) == (201, "wait")
    assert [each["id"] for each in content] == [each["id"] for each in events]
    for each in (content[1], content[39]):
        assert each["receipt"] == (await query(aws, source, each["id"]))["receipt"]
    # Of an event that is sent twice DynamoDB keeps the copy that came last, and PostgreSQL the first.
    twice = (await query(aws, source, "0"))["receipt"]
    assert content[0]["receipt"]["postgres"] == content[40]["receipt"]["postgres"] == twice["postgres"]


async def test_an_empty_batch_has_nothing_to_wait_for(client: httpx.AsyncClient) -> None:
    answer = await client.post("/events", content=b"[]", headers={"content-type": BATCH, "prefer": "wait=5"})
    assert (answer.status_code, answer.json()) == (202, {"events": []})


@pytest.mark.parametrize("prefer", ["respond-async", "wait", "wait=soon", "handling=strict", ""])
async def test_other_preferences_change_nothing(
    client: httpx.AsyncClient, source: str, sns_messages: Callable[[], Any], prefer: str
) -> None:
    answer = await publish(client, body(source, "1"), prefer)
    assert (answer.status_code, "preference-applied" in answer.headers) == (202, False)
    assert "receipt" not in answer.json()

    async def received() -> Any:
        return (await sns_messages()).get("1")

    message = await until(received, within_s=10)
    assert "reply_to" not in message["MessageAttributes"]


async def test_an_event_that_asks_carries_an_address_in_both_legs(
    client: httpx.AsyncClient, source: str, sns_messages: Callable[[], Any], kafka_records: Callable[[], Any]
) -> None:
    await publish(client, body(source, "1"), "wait=30")

    async def received(messages: Callable[[], Any]) -> Any:
        return (await messages()).get("1")

    message = await until(lambda: received(sns_messages), within_s=10)
    record = await until(lambda: received(kafka_records), within_s=10)
    attributes = {name: value["StringValue"] for name, value in message["MessageAttributes"].items()}
    assert len(attributes) <= 10
    assert {name: value.decode() for name, value in record.headers if name != "content-type"} == attributes
    assert attributes["reply_to"]


async def test_a_wait_of_no_time_tells_what_is_known(client: httpx.AsyncClient, source: str) -> None:
    answer = await publish(client, body(source, "1"), "wait=0")
    content = answer.json()
    assert (answer.status_code, answer.headers["preference-applied"]) == (202, "wait")
    assert content["receipt"] == {"received_at": content["received_at"], **NOTHING}


async def test_an_event_without_room_for_an_address_is_accepted_as_without_the_preference(
    client: httpx.AsyncClient, source: str
) -> None:
    event = {"specversion": "1.0", "id": "1", "source": source, "type": "t", "data": ""}
    send = {"content-type": "application/cloudevents+json", "prefer": "wait=5"}

    async def sent(size: int) -> httpx.Response:
        return await client.post("/events", content=json.dumps(event | {"data": "x" * size}), headers=send)

    over = (await sent(262_000)).json()["detail"]
    least = 262_000 - (int(over.split()[3].replace(",", "")) - 262_144)
    assert (await sent(least + 1)).status_code == 413
    answer = await sent(least)
    assert (answer.status_code, "preference-applied" in answer.headers) == (202, False)


async def test_a_conflict_ends_the_wait_and_is_named(client: httpx.AsyncClient, source: str) -> None:
    assert (await publish(client, body(source, "1", "first"), "wait=30")).status_code == 201
    begun = time.monotonic()
    answer = await publish(client, body(source, "1", "second"), "wait=30")
    assert time.monotonic() - begun < 25
    content = answer.json()
    assert (answer.status_code, answer.headers["preference-applied"]) == (202, "wait")
    assert content["dead_letters"] == [{"store": "postgres", "via": "sqs", "reason": "conflict"}]
    assert content["receipt"]["postgres"] is None


async def test_each_of_several_gateways_answers_its_own_requests(
    aws: dict[str, str], client: httpx.AsyncClient, source: str, unused_tcp_port: int
) -> None:
    async with own_gateway(aws, unused_tcp_port) as (_, other):
        # The same event by both at once: who waits at one is not answered for the other's copy.
        sent = [publish(one, body(source, str(number)), "wait=30") for number in range(5) for one in (client, other)]
        received = await asyncio.gather(*sent)
    assert [each.status_code for each in received] == [201] * 10


async def test_a_gateway_that_is_killed_takes_no_other_wait_along(
    aws: dict[str, str], client: httpx.AsyncClient, source: str, unused_tcp_port: int
) -> None:
    async with own_gateway(aws, unused_tcp_port, KAFKA_RECEIPTS_TOPIC=UNREPORTED) as (process, other):
        lost = asyncio.create_task(publish(other, body(source, "lost"), "wait=30"))

        async def is_stored() -> bool:
            return bool((await query(aws, source, "lost")).get("complete"))

        await until(is_stored, within_s=30)
        process.kill()
        with pytest.raises(httpx.TransportError):
            await lost
        assert (await publish(client, body(source, "1"), "wait=30")).status_code == 201
    async with own_gateway(aws, unused_tcp_port) as (_, again):
        assert (await publish(again, body(source, "lost"), "wait=30")).status_code == 201


async def test_a_service_that_is_killed_meanwhile_delays_the_answer_alone(
    system: Any, client: httpx.AsyncClient, source: str
) -> None:
    for service in ("service-b", "service-c"):
        os.kill(system.pid(service), signal.SIGKILL)
    answers_ = await asyncio.gather(*(publish(client, body(source, str(number)), "wait=30") for number in range(5)))
    assert [each.status_code for each in answers_] == [201] * 5


async def test_a_thousand_requests_wait_at_once_and_are_answered_in_time(
    aws: dict[str, str], source: str, unused_tcp_port: int, scale: float
) -> None:
    async with own_gateway(aws, unused_tcp_port, KAFKA_RECEIPTS_TOPIC=UNREPORTED) as (_, other):
        wait_s = 20 if scale == 1 else 3
        waiting = [publish(other, body(source, str(number)), f"wait={wait_s}") for number in range(int(1000 * scale))]
        begun = time.monotonic()
        received = await asyncio.gather(*waiting)
        assert wait_s <= time.monotonic() - begun < wait_s + 10
    assert {(each.status_code, each.headers["preference-applied"]) for each in received} == {(202, "wait")}


async def test_a_thousand_requests_that_wait_at_once_all_get_their_receipts(
    client: httpx.AsyncClient, source: str, scale: float
) -> None:
    count = max(200, int(1000 * scale))
    received = await asyncio.gather(*(publish(client, body(source, str(number)), "wait=30") for number in range(count)))
    assert {each.status_code for each in received} == {201}
    assert {each.json()["id"] for each in received} == {str(number) for number in range(count)}
    assert all(each.json()["receipt"]["dynamodb"]["kafka"]["stored_at"] for each in received)


async def test_waiting_requests_hold_no_bodies(aws: dict[str, str], source: str, unused_tcp_port: int) -> None:
    settings = {"KAFKA_RECEIPTS_TOPIC": UNREPORTED, "GATEWAY_MAX_BYTES": str(1024**2)}
    events = [{"specversion": "1.0", **body(source, str(number), "x" * 200_000)} for number in range(5)]
    sent = json.dumps(events)
    async with own_gateway(aws, unused_tcp_port, **settings) as (process, other):

        async def are_accepted(count: int) -> bool:
            return f"\nevents_accepted_total {count:.1f}" in (await other.get("/metrics")).text

        waiting, used = [], []
        for number in range(1, 21):  # more than may be received at once, 9 MiB
            headers = {"content-type": BATCH, "prefer": "wait=30"}
            waiting.append(asyncio.create_task(other.post("/events", content=sent, headers=headers)))
            await until(lambda count=5 * number: are_accepted(count), within_s=8)  # type: ignore[misc]
            used.append(rss_bytes(process.pid))
        assert not any(each.done() for each in waiting)
        assert used[-1] - used[4] < 8 * len(sent)
        for each in waiting:
            each.cancel()
        await asyncio.wait(waiting)


async def test_waiting_requests_take_no_room_from_publishing(
    aws: dict[str, str], source: str, unused_tcp_port: int
) -> None:
    settings = {"KAFKA_RECEIPTS_TOPIC": UNREPORTED, "GATEWAY_MAX_EVENTS": "20"}
    async with own_gateway(aws, unused_tcp_port, **settings) as (_, other):

        async def are_accepted(count: int) -> bool:
            return f"\nevents_accepted_total {count:.1f}" in (await other.get("/metrics")).text

        waiting = []
        for number in range(1, 4):
            events = [{"specversion": "1.0", **body(source, f"{number}-{each}")} for each in range(20)]
            headers = {"content-type": BATCH, "prefer": "wait=30"}
            waiting.append(asyncio.create_task(other.post("/events", json=events, headers=headers)))
            await until(lambda count=20 * number: are_accepted(count), within_s=8)  # type: ignore[misc]
        assert (await other.post("/events", json=body(source, "plain"))).status_code == 202
        assert not any(each.done() for each in waiting)
        for each in waiting:
            each.cancel()
        await asyncio.wait(waiting)


async def test_a_client_that_goes_away_is_not_waited_for(
    aws: dict[str, str], source: str, unused_tcp_port: int
) -> None:
    async with own_gateway(aws, unused_tcp_port, KAFKA_RECEIPTS_TOPIC=UNREPORTED) as (_, other):
        async with http_client(base_url=f"http://127.0.0.1:{unused_tcp_port}", timeout=1) as impatient:
            with pytest.raises(httpx.ReadTimeout):
                await publish(impatient, body(source, "1"), "wait=30")

        async def is_over() -> bool:
            return await waits(other, "not_stored") == 1

        await until(is_over, within_s=5)


async def test_sigterm_answers_waiting_requests_at_once(aws: dict[str, str], source: str, unused_tcp_port: int) -> None:
    async with own_gateway(aws, unused_tcp_port, KAFKA_RECEIPTS_TOPIC=UNREPORTED) as (process, other):
        waiting = asyncio.create_task(publish(other, body(source, "1"), "wait=30"))

        async def is_accepted() -> bool:
            return "\nevents_accepted_total 1.0" in (await other.get("/metrics")).text

        await until(is_accepted, within_s=10)
        process.send_signal(signal.SIGTERM)
        begun = time.monotonic()
        answer = await waiting
        assert time.monotonic() - begun < 3
        assert (answer.status_code, answer.json()["receipt"]["postgres"]) == (202, None)
        assert await asyncio.wait_for(process.wait(), 10) == 0


async def test_a_wait_without_kafka_ends_in_time(
    aws: dict[str, str], source: str, unused_tcp_port_factory: Callable[[], int]
) -> None:
    away = f"127.0.0.1:{unused_tcp_port_factory()}"
    port = unused_tcp_port_factory()
    async with (
        gateway(aws, port, KAFKA_BOOTSTRAP_SERVERS=away),
        http_client(base_url=f"http://127.0.0.1:{port}", timeout=60) as other,
    ):
        await until(lambda: answers(other, "/healthz", 200), within_s=20)
        begun = time.monotonic()
        answer = await publish(other, body(source, "1"), "wait=2")
        assert 2 <= time.monotonic() - begun < 5
    assert (answer.status_code, answer.headers["preference-applied"]) == (202, "wait")
    assert answer.json()["legs"] == {"sns": "stored", "kafka": "pending"}
