"""Stores and queues that are away, hang, or do a part: workers wait, and nothing moves but what may.

Each test has queues and a worker of its own, between proxies; the servers are the system's.
"""

import asyncio
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import aioboto3
import pytest

from tests.chaos import checker
from tests.chaos.checker import Findings, Place
from tests.chaos.proxies import AwsProxy, Fault, aws_proxy, tcp_proxy
from tests.chaos.sending import Outlet, Sender, own_queues
from tests.chaos.workers import worker
from tests.waiting import until

SEED = 20261123
PER_S = 150
NO_KAFKA = "127.0.0.1:1"
B: tuple[Place, ...] = (("postgres", "sqs"),)
C: tuple[Place, ...] = (("dynamodb", "sqs"),)
FAULTS: tuple[Fault, ...] = ("500", "throttle", "cut", "part", "hang")


@pytest.fixture
async def queues(aws: dict[str, str]) -> AsyncIterator[tuple[str, str, Outlet]]:
    async with own_queues(aws, f"own-{uuid.uuid4().hex[:8]}") as made:
        yield made


@pytest.mark.timeout(300)
async def test_b_waits_for_postgres(
    aws: dict[str, str], queues: tuple[str, str, Outlet], source: str, tmp_path: Path, scale: float
) -> None:
    url, dead_letters, outlet = queues
    sender = Sender(source, [outlet], seed=SEED)
    async with tcp_proxy(aws["postgres"]) as (postgres, postgres_url):
        own = {"QUEUE_B_URL": url, "DEAD_LETTER_B_URL": dead_letters, "POSTGRES_URL": postgres_url}
        # Hidden for so short a time that the outage would make repeats, were it not extended.
        async with worker("service_b", tmp_path, aws, **own, WORKER_VISIBILITY_TIMEOUT_S="3") as one:
            async with sender.load(per_s=PER_S):
                await asyncio.sleep(1)  # under load
                await postgres.refuse()
                await asyncio.sleep(max(5, 60 * scale))  # the outage
                health, ready = await one.answers("/healthz"), await one.answers("/readyz")
                await postgres.accept()
                await asyncio.sleep(1)  # and after it
            assert await checker.settled(aws, sender.sent, B) == Findings()
            assert await one.metric('events_stored_total{outcome="duplicate"') == 0
            noise = [
                line for line in one.log.read_text().splitlines() if "never retrieved" in line or "Unclosed" in line
            ]
    assert health
    assert ready
    assert (health.status_code, ready.status_code) == (200, 503)
    assert not (await checker.dead_letters(aws, source, [dead_letters])).counts
    assert not noise


@pytest.mark.timeout(300)
async def test_b_survives_sqs_at_its_worst(
    aws: dict[str, str], queues: tuple[str, str, Outlet], source: str, tmp_path: Path, scale: float
) -> None:
    url, dead_letters, outlet = queues
    sender = Sender(source, [outlet], seed=SEED)
    async with aws_proxy(aws["aws"], seed=SEED) as (proxy, endpoint):
        own = {"QUEUE_B_URL": url, "DEAD_LETTER_B_URL": dead_letters, "AWS_ENDPOINT_URL": endpoint}
        async with worker("service_b", tmp_path, aws, **own, WORKER_VISIBILITY_TIMEOUT_S="6"):
            async with sender.load(per_s=PER_S):
                await each_fault(proxy, 10 * scale)
            assert await checker.settled(aws, sender.sent, B) == Findings()
    assert not (await checker.dead_letters(aws, source, [dead_letters])).counts


@pytest.mark.timeout(300)
async def test_c_survives_dynamodb_at_its_worst_with_kafka_away(
    aws: dict[str, str], queues: tuple[str, str, Outlet], source: str, tmp_path: Path, scale: float
) -> None:
    url, dead_letters, outlet = queues
    sender = Sender(source, [outlet], seed=SEED)
    async with aws_proxy(aws["dynamodb"], seed=SEED) as (proxy, endpoint):
        own = {"QUEUE_C_URL": url, "DEAD_LETTER_C_URL": dead_letters, "AWS_ENDPOINT_URL_DYNAMODB": endpoint}
        async with worker("service_c", tmp_path, aws, **own, KAFKA_BOOTSTRAP_SERVERS=NO_KAFKA) as one:
            async with sender.load(per_s=PER_S):
                await each_fault(proxy, 10 * scale)
            assert await checker.settled(aws, sender.sent, C) == Findings()
            ready = await one.answers("/readyz")
            assert ready
            assert (ready.status_code, [why[:5] for why in ready.json()["missing"]]) == (503, ["kafka"])
            assert await one.stop() < 10
    assert not (await checker.dead_letters(aws, source, [dead_letters])).counts


@pytest.mark.timeout(120)
@pytest.mark.parametrize("hanging", [(), ("store",), ("queue",), ("store", "queue")], ids="-".join)
async def test_sigterm_ends_b_in_ten_seconds_whatever_hangs(
    aws: dict[str, str], queues: tuple[str, str, Outlet], source: str, tmp_path: Path, hanging: tuple[str, ...]
) -> None:
    url, dead_letters, outlet = queues
    sender = Sender(source, [outlet], seed=SEED)
    async with (
        tcp_proxy(aws["postgres"]) as (postgres, postgres_url),
        aws_proxy(aws["aws"], seed=SEED) as (sqs, endpoint),
    ):
        own = {"QUEUE_B_URL": url, "DEAD_LETTER_B_URL": dead_letters, "POSTGRES_URL": postgres_url}
        async with worker("service_b", tmp_path, aws, **own, AWS_ENDPOINT_URL=endpoint) as one:
            await sender.send(50)
            assert await checker.settled(aws, sender.sent, B) == Findings()
            if "store" in hanging:
                postgres.hold()
                await sender.send(50)
                await until(lambda: in_flight(aws, url), within_s=10)
            if "queue" in hanging:
                sqs.fault, sqs.share = "hang", 1.0
            assert await one.stop() < 10


async def in_flight(aws: dict[str, str], url: str) -> bool:
    """Whether the queue's messages are in a worker's hands."""
    async with aioboto3.Session().client("sqs", endpoint_url=aws["aws"]) as sqs:
        answer = await sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["ApproximateNumberOfMessagesNotVisible"])
    return int(answer["Attributes"]["ApproximateNumberOfMessagesNotVisible"]) >= 50


async def each_fault(proxy: AwsProxy, seconds: float) -> None:
    """Every fault for `seconds`, with as long a rest between them."""
    for fault in FAULTS:
        proxy.fault = fault
        await asyncio.sleep(max(1.0, seconds))
        proxy.fault = "none"
        await asyncio.sleep(0.5)
    assert proxy.faults
