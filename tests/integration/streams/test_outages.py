"""A broker that is out: what the gateway answers, and that what is pending is stored by every way."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from pipeline.clients.aws import client
from tests.integration.gateway.test_faults import LEG_TIMEOUT_S, Rig, started
from tests.support.proxies.wire import KafkaProxy
from tests.support.waiting import until
from tests.support.worker_process import worker

SHORT = {"GATEWAY_LEG_TIMEOUT_S": str(LEG_TIMEOUT_S)}


async def publish(rig: Rig, source: str, id_: str, **more: str) -> httpx.Response:
    event = {"specversion": "1.0", "id": id_, "source": source, "type": "t", **more}
    return await rig.client.post("/events", json=event, headers={"content-type": "application/cloudevents+json"})


async def until_out(rig: Rig, source: str, **legs: str) -> None:
    """Publish until the gateway answers with these legs at once."""

    async def knows() -> bool:
        answers = await asyncio.gather(*(publish(rig, source, str(uuid.uuid4())) for _ in range(3)))
        return all(answer.json()["legs"] == legs for answer in answers)

    await until(knows, within_s=10)


async def test_an_event_that_keeps_an_order_waits_for_kafka_alone(
    aws: dict[str, str], source: str, unused_tcp_port: int
) -> None:
    async with started(aws, unused_tcp_port, **SHORT) as rig:
        rig.proxies["kafka"].break_as("reset")
        await until_out(rig, source, sns="stored", kafka="pending")
        refused = await publish(rig, source, "k", partitionkey="cart-9")
        assert (refused.status_code, int(refused.headers["retry-after"])) == (503, 1)

        async def is_degraded() -> bool:
            ready = await rig.client.get("/readyz")
            assert ready.status_code == 200
            return bool(ready.json()["status"] == "degraded")

        await until(is_degraded, within_s=5)  # what /readyz says is up to a second old
        rig.proxies["kafka"].break_as(None)
        await until_out(rig, source, sns="stored", kafka="stored")
        rig.proxies["sns"].break_as("reset")
        await until_out(rig, source, sns="pending", kafka="stored")
        taken = await publish(rig, source, "s", partitionkey="cart-9")
        assert (taken.status_code, taken.json()["legs"]) == (202, {"sns": "pending", "kafka": "stored"})


async def test_with_both_brokers_out_nothing_is_accepted(
    aws: dict[str, str], source: str, unused_tcp_port: int
) -> None:
    async with started(aws, unused_tcp_port, **SHORT) as rig:
        for proxy in rig.proxies.values():
            proxy.break_as("reset")
        for number in range(8):
            assert (await publish(rig, source, str(number))).status_code == 503
        for proxy in rig.proxies.values():
            proxy.break_as(None)
        await until_out(rig, source, sns="stored", kafka="stored")


@pytest.mark.parametrize("leg", ["sns", "kafka"])
async def test_a_gateway_that_is_told_to_refuse_accepts_nothing_with_one_broker_out(
    aws: dict[str, str], source: str, unused_tcp_port: int, leg: str
) -> None:
    async with started(aws, unused_tcp_port, GATEWAY_DEGRADED="refuse", **SHORT) as rig:
        rig.proxies[leg].break_as("reset")
        answers = [await publish(rig, source, str(number)) for number in range(5)]
        assert {answer.status_code for answer in answers} == {503}
        assert {answer.json()["legs"][leg] for answer in answers} == {"failed"}


@asynccontextmanager
async def pending_queue(aws: dict[str, str]) -> AsyncIterator[tuple[Any, str]]:
    async with client("sqs") as sqs:
        queue = (await sqs.create_queue(QueueName=f"pending-{uuid.uuid4()}"))["QueueUrl"]
        yield sqs, queue
        await sqs.delete_queue(QueueUrl=queue)


async def test_a_worker_whose_healer_waits_for_a_broker_stops_in_time_and_keeps_what_is_pending(
    aws: dict[str, str], source: str, tmp_path: Path
) -> None:
    async with pending_queue(aws) as (sqs, queue), KafkaProxy(aws["kafka"]).serving() as kafka:
        own = {
            "QUEUE_C_URL": (await sqs.create_queue(QueueName=f"c-{uuid.uuid4()}"))["QueueUrl"],
            "KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{kafka.port}",
            "PENDING_QUEUE_URL": queue,
            "TOPIC_ARN": aws["topic_arn"],
            "WORKER_INSTANCE": str(uuid.uuid4()),
        }
        async with worker("service_c", tmp_path, aws, **own) as one:
            kafka.break_as("stall")
            body = f'{{"specversion":"1.0","id":"1","source":"{source}","type":"t"}}'
            await sqs.send_message(QueueUrl=queue, MessageBody=body)

            async def is_received() -> bool:
                names = ["ApproximateNumberOfMessagesNotVisible"]
                found = await sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=names)
                return int(found["Attributes"][names[0]]) == 1

            await until(is_received, within_s=20)
            assert await one.stop() < 10
            assert await one.process.wait() == 0
        await sqs.delete_queue(QueueUrl=own["QUEUE_C_URL"])


@pytest.mark.parametrize(("broker", "fault"), [("kafka", "stall"), ("sns", "error")])
async def test_what_was_pending_is_stored_by_every_way_and_says_so(
    aws: dict[str, str], source: str, unused_tcp_port: int, broker: str, fault: Any
) -> None:
    other = "sns" if broker == "kafka" else "kafka"
    async with started(aws, unused_tcp_port, **SHORT) as rig, httpx.AsyncClient(timeout=20) as http:
        rig.proxies[broker].break_as(fault)
        accepted = [await publish(rig, source, str(number)) for number in range(6)]
        assert {answer.status_code for answer in accepted} == {202}
        assert accepted[-1].json()["legs"] == {broker: "pending", other: "stored"}

        async def receipt() -> dict[str, Any] | None:
            answer = await http.get(f"{aws['query']}/event", params={"source": source, "id": "5"})
            return answer.json()["receipt"] if answer.status_code == 200 and answer.json()["complete"] else None

        await until(receipt, within_s=30)
        found = await receipt()
        assert found
        ways = {"kafka": [found["dynamodb"]["kafka"]], "sns": [found["postgres"], found["dynamodb"]["sqs"]]}
        assert all("healed_at" in way["origin"] for way in ways[broker])


async def test_what_a_killed_worker_had_in_hand_is_healed_within_seconds(
    aws: dict[str, str], source: str, tmp_path: Path
) -> None:
    async with pending_queue(aws) as (sqs, queue), KafkaProxy(aws["kafka"]).serving() as kafka:
        queue_c = (await sqs.create_queue(QueueName=f"c-{uuid.uuid4()}"))["QueueUrl"]
        own = {"QUEUE_C_URL": queue_c, "PENDING_QUEUE_URL": queue, "TOPIC_ARN": aws["topic_arn"]}
        body = f'{{"specversion":"1.0","id":"1","source":"{source}","type":"t"}}'

        async def count(name: str) -> int:
            found = await sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=[name])
            return int(found["Attributes"][name])

        async def is_in_hand() -> bool:
            return await count("ApproximateNumberOfMessagesNotVisible") == 1

        async def is_healed() -> bool:
            return (
                await count("ApproximateNumberOfMessages") + await count("ApproximateNumberOfMessagesNotVisible") == 0
            )

        broken = {"KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{kafka.port}", "WORKER_INSTANCE": str(uuid.uuid4())}
        async with worker("service_c", tmp_path, aws, **own, **broken) as one:
            kafka.break_as("stall")
            await sqs.send_message(QueueUrl=queue, MessageBody=body)
            await until(is_in_hand, within_s=20)
            one.process.kill()
        async with worker("service_c", tmp_path, aws, **own, WORKER_INSTANCE=str(uuid.uuid4())):
            await until(is_healed, within_s=12)
        await sqs.delete_queue(QueueUrl=queue_c)
