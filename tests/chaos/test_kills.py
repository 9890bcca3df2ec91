"""Workers that are killed, stopped, joined and left: nothing is lost, doubled, changed or made up."""

import asyncio
import functools
import os
import signal
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.chaos import checker
from tests.chaos.checker import Findings
from tests.chaos.sending import Mix, Sender, both_legs
from tests.chaos.workers import worker
from tests.processes import is_alive
from tests.waiting import until

SEED = 20261123
PER_S = 150


@pytest.fixture
async def sender(aws: dict[str, str], source: str) -> AsyncIterator[Sender]:
    async with both_legs(aws) as outlets:
        yield Sender(source, outlets, seed=SEED)


async def replaced(system: Any, aws: dict[str, str], part: str, pid: int) -> None:
    """Wait until the supervisor has put another process, one that is ready, in the place of `pid`."""
    url = aws[part.replace("-", "_")] if part.startswith("service") else None

    async def probe() -> bool:
        if system.pid(part) == pid:
            return False
        return url is None or await is_ready(url)

    await until(probe, within_s=60)


async def ended(pid: int) -> bool:
    """Whether the process is gone."""
    return not is_alive(pid)


async def is_ready(url: str) -> bool:
    """Whether a worker says that it is."""
    async with httpx.AsyncClient(base_url=url, timeout=10, trust_env=False) as client:
        try:
            return (await client.get("/readyz")).status_code == 200
        except httpx.TransportError:
            return False


async def no_dead_letters(aws: dict[str, str], source: str) -> bool:
    return not (await checker.dead_letters(aws, source)).counts


@pytest.mark.timeout(900)
async def test_kills_of_b_and_c_lose_nothing(system: Any, aws: dict[str, str], sender: Sender, scale: float) -> None:
    async with sender.load(per_s=PER_S):
        for _ in range(round(20 * scale)):
            for part in ("service-b", "service-c"):
                await asyncio.sleep(1)  # under load for a while
                pid = system.pid(part)
                os.kill(pid, signal.SIGKILL)
                await replaced(system, aws, part, pid)
    assert await checker.settled(aws, sender.sent, within_s=90) == Findings()
    assert await no_dead_letters(aws, sender.sent.source)


@pytest.mark.timeout(600)
async def test_sigterm_under_load_ends_in_ten_seconds(
    system: Any, aws: dict[str, str], sender: Sender, scale: float
) -> None:
    async with sender.load(per_s=PER_S):
        for _ in range(round(10 * scale)):
            for part in ("service-b", "service-c"):
                await asyncio.sleep(1)  # under load for a while
                pid = system.pid(part)
                os.kill(pid, signal.SIGTERM)
                await until(functools.partial(ended, pid), within_s=10)
                await replaced(system, aws, part, pid)
    assert await checker.settled(aws, sender.sent, within_s=60) == Findings()


@pytest.mark.timeout(600)
async def test_workers_of_c_come_and_go(aws: dict[str, str], sender: Sender, tmp_path: Path, scale: float) -> None:
    end = time.monotonic() + 120 * scale
    async with sender.load(per_s=PER_S):
        while time.monotonic() < end:
            async with AsyncExitStack() as second_and_third:
                for number in range(2):
                    one = await second_and_third.enter_async_context(
                        worker("service_c", tmp_path, aws, WORKER_INSTANCE=f"own-{number}")
                    )
                    await asyncio.sleep(2)  # they share the work for a while
                    if number:
                        assert await one.stop() < 10
    assert await checker.settled(aws, sender.sent, within_s=90) == Findings()
    assert await no_dead_letters(aws, sender.sent.source)


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("part", "number", "times"),
    [("kafka", signal.SIGTERM, 3), ("postgres", signal.SIGINT, 3)],
    ids=lambda one: str(one),
)
async def test_restarts_of_a_server_lose_nothing(
    system: Any, aws: dict[str, str], sender: Sender, part: str, number: signal.Signals, times: int, scale: float
) -> None:
    async with sender.load(per_s=PER_S):
        for _ in range(max(1, round(times * scale))):
            await asyncio.sleep(1)  # under load for a while
            pid = system.pid(part)
            os.kill(pid, number)
            await replaced(system, aws, part, pid)
            await asyncio.sleep(3)  # and after it
    assert await checker.settled(aws, sender.sent, within_s=90) == Findings()
    assert await no_dead_letters(aws, sender.sent.source)


@pytest.mark.timeout(600)
async def test_exactly_poison_and_conflicts_are_dead_letters(aws: dict[str, str], source: str, scale: float) -> None:
    async with both_legs(aws) as outlets:
        sender = Sender(source, outlets, seed=SEED, mix=Mix(duplicates=0.1, poison=0.01, conflicts=0.01))
        await sender.send(round(10_000 * scale))
    sent = sender.sent
    assert await checker.settled(aws, sent, within_s=90) == Findings()

    async def all_letters() -> bool:
        return sum((await checker.dead_letters(aws, source)).counts.values()) >= 3 * len(sent.poison) + sent.conflicts

    await until(all_letters, within_s=30, every_s=0.5)
    letters = await checker.dead_letters(aws, source)
    by_way: dict[tuple[str, str], int] = {}
    for (service, via, reason), count in letters.counts.items():
        if reason != "conflict":
            by_way[service, via] = by_way.get((service, via), 0) + count
    poison = len(sent.poison)
    assert by_way == {("service-b", "sqs"): poison, ("service-c", "sqs"): poison, ("service-c", "kafka"): poison}
    assert letters.counts["service-b", "sqs", "conflict"] == sent.conflicts
    assert letters.origins == sum(letters.counts.values())
    assert set(sent.poison) <= letters.bodies
