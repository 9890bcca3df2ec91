"""The one exception to "never lost": the emulator's queues don't outlive its crash, and are repaired."""

import asyncio
import json
import os
import signal
import time
from pathlib import Path

import pytest

from pipeline.core import clock
from tests.chaos import checker, journal, stores
from tests.chaos.backlog import Backlog
from tests.chaos.journal import Journal
from tests.chaos.publishers import Mix, Publishers
from tests.chaos.rig import Rig
from tests.support.mensageria import Tool
from tests.support.waiting import until

SEED = 20261123
SETTLED_S = 32
"""What is younger than 30 s, `differences` leaves alone."""
pytestmark = [pytest.mark.asyncio(loop_scope="package"), pytest.mark.timeout(400)]


@pytest.mark.long
async def test_what_the_emulators_queues_held_at_its_kill_is_brought_back(
    rig: Rig, source: str, tmp_path: Path
) -> None:
    mensageria, log, begun = Tool(rig.home.path), Journal(tmp_path / "journal"), time.time()
    publishers = Publishers(rig.endpoints["gateway"], source, log, Mix(conflicts=0, given_up=0), seed=SEED)
    async with publishers.load():
        for link in ("service-b-sqs", "service-c-sqs"):
            rig.links[link].break_as("stall")  # the queues fill
        await asyncio.sleep(5)
        pid = rig.pid("aws")
        os.kill(pid, signal.SIGKILL)
        for link in ("service-b-sqs", "service-c-sqs"):
            rig.links[link].break_as(None)
        await until(lambda: is_replaced(rig, pid), within_s=60)
        await asyncio.sleep(3)  # under load, after it
    log.close()
    told = journal.read(log.file)
    assert await is_drained(rig)
    lost = (await findings(rig, source, told, begun)).lost
    assert lost, "the kill took nothing with it"
    await asyncio.sleep(SETTLED_S)

    since = clock.rfc3339(stores.moment(begun))
    repair = await mensageria("differences", "--from", since, "--repair")
    assert repair.code == 0, repair.err
    assert await is_drained(rig)
    assert not await findings(rig, source, told, begun)
    left = (await mensageria("differences", "--from", since, "--json")).out.splitlines()
    assert [line for line in map(json.loads, left) if line["missing"]] == []


async def is_replaced(rig: Rig, pid: int) -> bool:
    return rig.pid("aws") != pid


async def is_drained(rig: Rig) -> bool:
    async with Backlog.watched(rig) as backlog:
        return await backlog.drained()


async def findings(rig: Rig, source: str, told: journal.Told, begun: float) -> checker.Findings:
    held = await stores.held(rig, source, stores.moment(begun - 1), stores.moment(time.time()))
    return checker.check(told, held, [])[0]
