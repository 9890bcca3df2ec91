"""The gateway as a process on the real SNS emulator and Kafka."""

import asyncio
import json
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from pipeline.core.keys import new
from pipeline.events.event import STRUCTURED
from stack.http_client import http_client
from tests.support.gateway_process import answers, gateway
from tests.support.waiting import until

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


async def test_a_structured_event_is_in_both_legs_as_the_same_bytes(
    aws: dict[str, str], source: str, sns_messages: Any, kafka_records: Any
) -> None:
    body = json.dumps(
        {"specversion": "1.0", "id": "é", "source": source, "type": "t", "partitionkey": "p", "data": {"n": 1.5}},
        indent=1,
        ensure_ascii=False,
    ).encode()
    async with http_client(base_url=aws["gateway"]) as client:
        answer = await client.post("/events", content=body, headers={"content-type": STRUCTURED, "traceparent": PARENT})
    receipt = answer.json()
    assert (answer.status_code, receipt["legs"]) == (202, {"sns": "stored", "kafka": "stored"})

    async def received(messages: Any) -> Any:
        return (await messages()).get("é")

    message = await until(lambda: received(sns_messages), within_s=10)
    record = await until(lambda: received(kafka_records), within_s=10)
    attributes = {name: value["StringValue"] for name, value in message["MessageAttributes"].items()}
    headers = {name: value.decode() for name, value in record.headers}
    assert (message["Body"].encode(), record.value, record.key) == (body, body, b"p")
    assert headers.pop("content-type").startswith(STRUCTURED)
    assert headers == attributes
    assert attributes.pop("traceparent").startswith(PARENT[:35])
    assert attributes == {"id": "é", "source": source, "type": "t", "received_at": receipt["received_at"]}


async def test_sigterm_under_load_loses_nothing_that_was_accepted(
    aws: dict[str, str], source: str, sns_messages: Any, kafka_records: Any, unused_tcp_port: int
) -> None:
    accepted: set[str] = set()
    enough = asyncio.Event()

    async def publish_on(client: httpx.AsyncClient, name: int) -> None:
        for number in range(10_000):
            id_ = f"{name}-{number}"
            try:
                answer = await client.post("/events", json={"type": "t", "source": source, "id": id_, "data": number})
            except httpx.TransportError:
                return
            assert answer.status_code == 202
            accepted.add(id_)
            if len(accepted) == 100:
                enough.set()

    async with (
        gateway(aws, unused_tcp_port) as process,
        http_client(base_url=f"http://127.0.0.1:{unused_tcp_port}") as client,
    ):
        await until(lambda: answers(client, "/readyz", 200), within_s=20)
        load = asyncio.gather(*(publish_on(client, name) for name in range(8)))
        await asyncio.wait_for(enough.wait(), 20)
        process.send_signal(signal.SIGTERM)
        begun = time.monotonic()
        assert await asyncio.wait_for(process.wait(), 10) == 0
        assert time.monotonic() - begun < 10
        await load

    async def are_in(messages: Any) -> bool:
        return accepted <= set(await messages())

    await until(lambda: are_in(sns_messages), within_s=20, every_s=0)
    await until(lambda: are_in(kafka_records), within_s=20, every_s=0)


async def test_a_stop_is_announced_before_it_begins(aws: dict[str, str], source: str, unused_tcp_port: int) -> None:
    async with (
        gateway(aws, unused_tcp_port, GATEWAY_DRAIN_S="3") as process,
        http_client(base_url=f"http://127.0.0.1:{unused_tcp_port}") as client,
    ):
        await until(lambda: answers(client, "/readyz", 200), within_s=20)
        process.send_signal(signal.SIGTERM)
        await until(lambda: answers(client, "/readyz", 503), within_s=2.5, every_s=0.05)
        late = await client.post("/events", json={"type": "t", "source": source, "data": 1})
        assert late.status_code == 202
        assert await asyncio.wait_for(process.wait(), 10) == 0


async def test_keys_are_rotated_without_a_restart_and_travel_by_name_alone(
    aws: dict[str, str], source: str, sns_messages: Any, kafka_records: Any, unused_tcp_port: int, tmp_path: Path
) -> None:
    (old, old_line), (fresh, fresh_line) = new("shop"), new("shop")
    (tmp_path / "keys").write_text(old_line)
    async with (
        gateway(aws, unused_tcp_port, GATEWAY_KEYS_FILE=str(tmp_path / "keys")) as process,
        http_client(base_url=f"http://127.0.0.1:{unused_tcp_port}") as client,
    ):
        await until(lambda: answers(client, "/readyz", 200), within_s=20)

        async def publish(key: str) -> int:
            body = {"type": "t", "source": source, "id": "1", "data": 1}
            return (await client.post("/events", json=body, headers={"authorization": f"Bearer {key}"})).status_code

        assert [await publish(old), await publish(fresh)] == [202, 401]
        (tmp_path / "keys").write_text(fresh_line)
        process.send_signal(signal.SIGHUP)

        async def is_rotated() -> bool:
            return [await publish(old), await publish(fresh)] == [401, 202]

        await until(is_rotated, within_s=5)

    async def received(messages: Any) -> Any:
        return (await messages()).get("1")

    message = await until(lambda: received(sns_messages), within_s=10)
    record = await until(lambda: received(kafka_records), within_s=10)
    assert message["MessageAttributes"]["publisher"]["StringValue"] == "shop"
    assert dict(record.headers)["publisher"] == b"shop"


async def test_a_gateway_that_starts_before_kafka_is_alive_and_connects_by_itself(
    aws: dict[str, str], unused_tcp_port_factory: Callable[[], int]
) -> None:
    port, door = unused_tcp_port_factory(), unused_tcp_port_factory()
    async with (
        gateway(aws, port, KAFKA_BOOTSTRAP_SERVERS=f"127.0.0.1:{door}"),
        http_client(base_url=f"http://127.0.0.1:{port}") as client,
    ):
        unready = await until(lambda: answers(client, "/readyz", 503), within_s=20)
        assert unready
        assert unready["legs"] == {"sns": "reachable", "kafka": "unreachable"}
        assert await answers(client, "/healthz", 200)
        async with await asyncio.start_server(lambda *ends: _forward(aws["kafka"], *ends), "127.0.0.1", door):
            await until(lambda: answers(client, "/readyz", 200), within_s=20)


async def test_an_address_that_others_reach_is_refused_without_keys(aws: dict[str, str], unused_tcp_port: int) -> None:
    async with gateway(aws, unused_tcp_port, GATEWAY_HOST="0.0.0.0") as process:
        assert await asyncio.wait_for(process.wait(), 20) == 1


async def _forward(to: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Pass bytes between a connection and the server at `to` until one of them ends."""
    host, _, port = to.partition(":")
    far_reader, far_writer = await asyncio.open_connection(host, int(port))

    async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while chunk := await source.read(65_536):
            sink.write(chunk)
        sink.close()

    await asyncio.gather(pump(reader, far_writer), pump(far_reader, writer))
