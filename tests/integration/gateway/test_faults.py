"""Each leg broken in each way, in the middle of a load: what was answered with 202 is in both."""

import asyncio
import collections
import os
import random
import signal
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import httpx
import pytest

from stack.http_client import http_client
from tests.support.gateway_process import answers, gateway
from tests.support.proxies.aws import AwsFault, AwsProxy
from tests.support.proxies.wire import KafkaProxy
from tests.support.waiting import until

PUBLISHERS = 8
LEG_TIMEOUT_S = 1.0
_MACHINE_S = 0.5
"""By how much a busy machine may answer late."""


@dataclass
class Load:
    """What a load was answered: when, with what, and for which id."""

    accepted: dict[str, float] = field(default_factory=dict)
    pending: set[str] = field(default_factory=set)
    slowest_s: float = 0.0
    refused: list[tuple[float, float, httpx.Response]] = field(default_factory=list)
    unanswered: int = 0
    is_over: bool = False


@dataclass
class Rig:
    """A gateway between two proxies."""

    client: httpx.AsyncClient
    proxies: dict[str, Any]
    pid: int


@asynccontextmanager
async def started(aws: dict[str, str], port: int, **settings: str) -> AsyncIterator[Rig]:
    async with AsyncExitStack() as stack:
        sns = await stack.enter_async_context(AwsProxy(aws["aws"]).serving())
        kafka = await stack.enter_async_context(KafkaProxy(aws["kafka"]).serving())
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        patch.setenv("AWS_ENDPOINT_URL", sns.url)
        settings["KAFKA_BOOTSTRAP_SERVERS"] = f"127.0.0.1:{kafka.port}"
        process = await stack.enter_async_context(gateway(aws, port, **settings))
        client = http_client(base_url=f"http://127.0.0.1:{port}", timeout=20)
        await stack.enter_async_context(client)
        await until(lambda: answers(client, "/readyz", 200), within_s=20)
        yield Rig(client, {"sns": sns, "kafka": kafka}, process.pid)


@pytest.fixture
async def rig(aws: dict[str, str], unused_tcp_port: int) -> AsyncIterator[Rig]:
    async with started(aws, unused_tcp_port, GATEWAY_LEG_TIMEOUT_S=str(LEG_TIMEOUT_S)) as one:
        yield one


async def publish_on(rig: Rig, load: Load, source: str, name: int) -> None:
    """One event after the other, until the load is over."""
    number = 0
    while not load.is_over:
        number += 1
        id_ = f"{name}-{number}"
        begun = time.monotonic()
        try:
            answer = await rig.client.post("/events", json={"type": "t", "source": source, "id": id_, "data": number})
        except httpx.TransportError:
            load.unanswered += 1
            return
        load.slowest_s = max(load.slowest_s, time.monotonic() - begun)
        if answer.status_code == 202:
            load.accepted[id_] = time.monotonic()
            if "pending" in answer.json()["legs"].values():
                load.pending.add(id_)
        else:
            load.refused.append((begun, time.monotonic() - begun, answer))
            await asyncio.sleep(0.02)  # as a client that was told to wait, though less than it was told


@pytest.mark.parametrize(
    ("leg", "fault"),
    [
        ("sns", "reset"),
        ("sns", "stall"),
        ("sns", "delay"),
        ("sns", "error"),
        ("sns", "part"),
        ("sns", "cut"),
        ("kafka", "reset"),
        ("kafka", "stall"),
        ("kafka", "delay"),
        ("kafka", "cut"),
    ],
)
async def test_what_is_accepted_is_in_both_legs_whatever_breaks(
    leg: str, fault: AwsFault, rig: Rig, source: str, scale: float, sns_messages: Any, kafka_records: Any
) -> None:
    load = Load()
    everyone = [asyncio.create_task(publish_on(rig, load, source, name)) for name in range(PUBLISHERS)]
    await until(lambda: _has(load, 50), within_s=20)
    rig.proxies[leg].break_as(fault)
    broken_at = time.monotonic()
    deadlines = 2.75 + random.Random(f"{leg} {fault}").random() / 2
    await asyncio.sleep(deadlines * LEG_TIMEOUT_S + 20 * (scale - 0.1))
    rig.proxies[leg].break_as(None)
    mended_at = time.monotonic()
    await until(lambda: _has_since(load, mended_at), within_s=15)
    load.is_over = True
    await asyncio.gather(*everyone)

    assert load.unanswered == 0
    assert len(load.refused) < 0.01 * len(load.accepted), load.refused[:3]
    assert load.pending or fault in ("delay", "part")
    assert load.slowest_s < LEG_TIMEOUT_S + _MACHINE_S
    # Once the leg is known to be out, an answer waits for no deadline.
    during = [at for at in load.accepted.values() if broken_at + 2 * LEG_TIMEOUT_S < at < mended_at]
    assert fault in ("delay", "part") or len(during) > PUBLISHERS
    await all_in_both(load, sns_messages, kafka_records)


@pytest.mark.parametrize(("leg", "fault"), [("sns", "stall"), ("kafka", "stall"), ("kafka", "reset")])
async def test_a_kill_while_a_leg_is_out_loses_nothing_that_was_accepted(
    leg: str, fault: AwsFault, rig: Rig, source: str, sns_messages: Any, kafka_records: Any
) -> None:
    load = Load()
    everyone = [asyncio.create_task(publish_on(rig, load, source, name)) for name in range(PUBLISHERS)]
    await until(lambda: _has(load, 50), within_s=20)
    rig.proxies[leg].break_as(fault)
    await until(lambda: _has_pending(load, PUBLISHERS), within_s=10)
    os.kill(rig.pid, signal.SIGKILL)
    await asyncio.gather(*everyone)
    rig.proxies[leg].break_as(None)
    assert load.unanswered == PUBLISHERS
    await all_in_both(load, sns_messages, kafka_records)


async def test_four_times_the_capacity_gets_an_answer_each_and_memory_stays_flat(
    aws: dict[str, str], source: str, scale: float, unused_tcp_port: int, record_property: Callable[[str, Any], None]
) -> None:
    """The gateway holds 64 events, and 256 connections send one each, again as soon as they are answered."""
    seconds, statuses = 30 * scale, collections.Counter[int]()
    sizes_kb: list[int] = []
    body = {"type": "t", "source": source, "data": "x" * 10_000}
    async with started(aws, unused_tcp_port, GATEWAY_MAX_EVENTS="64") as rig:
        url = f"{rig.client.base_url}/events"
        connections, timeout = aiohttp.TCPConnector(limit=256), aiohttp.ClientTimeout(total=30)
        async with aiohttp.ClientSession(connector=connections, timeout=timeout) as client:

            async def publish(name: int) -> None:
                end = time.monotonic() + seconds
                while time.monotonic() < end:
                    async with client.post(url, json=body) as answer:
                        statuses[answer.status] += 1
                    if name == 0:
                        sizes_kb.append(_resident_kb(rig.pid))

            await asyncio.gather(*(publish(name) for name in range(256)))
    half = len(sizes_kb) // 2
    record_property("answers", dict(statuses))
    record_property("resident_kb", (sizes_kb[0], max(sizes_kb[: half + 1]), max(sizes_kb[half:])))
    assert set(statuses) == {202, 503}
    assert max(sizes_kb[half:]) < max(sizes_kb[: half + 1]) + 10_000


async def all_in_both(load: Load, sns_messages: Any, kafka_records: Any) -> None:
    """Wait until all that was accepted has come out of both legs."""

    async def are_in(messages: Any) -> bool:
        return set(load.accepted) <= set(await messages())

    await until(lambda: are_in(sns_messages), within_s=30, every_s=0)
    await until(lambda: are_in(kafka_records), within_s=30, every_s=0)


async def _has_pending(load: Load, count: int) -> bool:
    return len(load.pending) >= count


async def _has(load: Load, count: int) -> bool:
    return len(load.accepted) >= count


async def _has_since(load: Load, moment: float) -> bool:
    return sum(at > moment + 0.1 for at in load.accepted.values()) >= PUBLISHERS


def _resident_kb(pid: int) -> int:
    status = (Path("/proc") / str(pid) / "status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1])
