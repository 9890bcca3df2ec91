"""Faults under load: nothing is lost, doubled, made up or changed, and nothing stands still.

And the kit is proven: a build with one thing broken is caught, by the load and the faults as they are.
All tests that `make test` runs on the rig are in this file, so that one worker has one rig.
"""

import asyncio
import os
import signal
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import httpx
import pytest

from stack.home import ROOT
from stack.http_client import http_client
from tests.chaos.backlog import is_ready
from tests.chaos.broken import BREAKS, Break
from tests.chaos.faults import STOP_S, broken_link, is_gone
from tests.chaos.publishers import Mix
from tests.chaos.rig import VISIBILITY_TIMEOUT_S, Rig
from tests.chaos.run import Run, drive
from tests.chaos.schedule import Fault, possible
from tests.support.waiting import until

SEED = 20261123
pytestmark = [pytest.mark.asyncio(loop_scope="package"), pytest.mark.timeout(900)]
Record = Callable[[str, object], None]

SHORT = [
    Fault("kill", "service-b", 1),
    Fault("part", "service-c-dynamodb", 1, 3),
    Fault("kill", "service-c", 3.5),
    Fault("error", "service-b-sqs", 4, 2),
    Fault("throttle", "gateway-sns", 4, 2),
    Fault("restart", "postgres", 5.5),
    Fault("restart", "kafka", 6),
    Fault("cut", "service-b-sqs", 7.5, 2),
    Fault("storm", "service-c", 9, 4),
    Fault("pause", "dynamodb", 10, 2),
    Fault("kill", "gateway", 11.5),
    Fault("stall", "service-b-postgres", 12, 6),
    Fault("stall", "service-b-sqs", 13, 5),
    Fault("restart", "service-b", 14),
    Fault("reset", "gateway-kafka", 14, 2),
    Fault("stall", "service-c-dynamodb", 15, 4),
    Fault("restart", "service-c", 16),
    Fault("foreign records", "topic", 2, 17),
    Fault("slow", "service-c-dynamodb", 19, 3),
    Fault("fill", "postgres", 19, 2),
]
"""Most kinds of faults; the others take longer, and are in tests/chaos/test_faults_for_long.py.

A stop is asked for while what it waits for hangs.
"""


# A server that is paused carries out later what reached its socket: the store has to be out of reach.
CATCHING: dict[str, list[Fault]] = {
    # A busy machine commits late: the kill leaves it ten seconds.
    "acknowledges before the store has it": [
        Fault("reset", "service-c-dynamodb", 2, 14),
        Fault("kill", "service-c", 12),
    ],
    "inserts without ON CONFLICT": [],
    "deletes before it writes": [Fault("stall", "service-b-postgres", 1, 4), Fault("kill", "service-b", 3)],
    "commits past a failure": [Fault("reset", "service-c-dynamodb", 2, 6), Fault("restart", "service-c", 4)],
    "drops what a batch write left undone": [Fault("part", "service-c-dynamodb", 1, 4)],
    "acknowledges pending events and publishes none": [Fault("reset outage", "sns", 1, 4)],
    "takes pending events for published while Kafka is out": [Fault("reset outage", "kafka", 1, 5)],
}
REPEATS = {"inserts without ON CONFLICT": 0.2}
IN_SHORT = (
    "deletes before it writes",
    "drops what a batch write left undone",
    "acknowledges pending events and publishes none",
)
OUTAGES = [
    ("reset", "kafka"),
    ("stall", "sns"),
    *(
        pytest.param(what, broker, marks=pytest.mark.long)
        for what, broker in (
            ("reset", "sns"),
            ("stall", "kafka"),
            ("delay", "kafka"),
            ("delay", "sns"),
            ("error", "sns"),
            ("cut", "kafka"),
            ("cut", "sns"),
        )
    ),
]
DEADLINE_S = 5.0
_MACHINE_S = 1.0
"""By how much a busy machine may answer late."""


async def test_most_kinds_of_faults(rig: Rig, record_property: Record) -> None:
    run = await drive(rig, possible(SHORT), seed=SEED, mix=Mix(repeats=0.1), load_s=20)
    tell(run, record_property)
    assert run.is_well, run.wrongs
    assert run.counts.accepted > 100
    assert run.counts.foreign > 20


@pytest.mark.parametrize(("what", "broker"), OUTAGES)
async def test_events_are_accepted_through_an_outage(
    rig: Rig, what: str, broker: str, scale: float, record_property: Record
) -> None:
    away_s = max(7.0, 60 * scale)  # longer than an answer may take
    outage = [Fault(f"{what} outage", broker, 1, away_s), Fault("kill", "service-c", 1 + away_s / 3)]
    run = await drive(rig, outage, seed=SEED, mix=Mix(given_up=0), load_s=away_s + 3)
    tell(run, record_property)
    record_property("accepted", round(run.told.accepted_share, 4))
    record_property("slowest", round(run.told.slowest_s, 2))
    assert run.is_well, run.wrongs
    assert run.counts.pending or what == "delay"
    assert run.told.accepted_share > 0.99
    assert run.told.slowest_s < DEADLINE_S + _MACHINE_S


async def test_a_kill_of_the_gateway_and_of_c_during_outages_loses_nothing(rig: Rig, record_property: Record) -> None:
    faults = [
        Fault("stall outage", "kafka", 1, 7),
        Fault("kill", "gateway", 5),
        Fault("kill", "service-c", 6),
        Fault("reset outage", "sns", 10, 6),
        Fault("kill", "service-c", 12),
        Fault("kill", "gateway", 13),
    ]
    run = await drive(rig, faults, seed=SEED, mix=Mix(repeats=0.1), load_s=17)
    tell(run, record_property)
    assert run.is_well, run.wrongs
    assert run.counts.pending > 100


@pytest.mark.long
async def test_poison_and_conflicts_are_dead_letters_once_each(rig: Rig, record_property: Record) -> None:
    """10 % duplicates, 1 % conflicts, 1 % poison by each way."""
    mix = Mix(repeats=0.1, conflicts=0.01, given_up=0, poison_per_s=1)
    run = await drive(rig, [], seed=SEED, mix=mix, load_s=100)
    tell(run, record_property)
    assert run.is_well, run.wrongs
    assert run.counts.letters == run.counts.poison + run.counts.conflicts
    assert run.counts.letters_repeated == 0


async def test_an_outage_is_waited_for(rig: Rig, scale: float, record_property: Record) -> None:
    """B without PostgreSQL, C without Kafka: alive, not ready, and no message is seen twice for it."""
    away_s = max(1.2 * VISIBILITY_TIMEOUT_S, 60 * scale)  # longer than a message is hidden
    repeated = await repeats_of_b(rig)

    async def outage() -> None:
        """It lasts `away_s` from when both services have told of it: a busy machine tells late."""
        with broken_link(rig, "service-b-postgres", "reset"), broken_link(rig, "service-c-kafka", "reset"):
            await both_wait()
            await asyncio.sleep(away_s)
            await both_wait()

    async def both_wait() -> None:
        await is_waiting(rig, "service-b", ["postgres"])
        await is_waiting(rig, "service-c", ["kafka"])

    mix = Mix(repeats=0, conflicts=0, given_up=0)
    run = await drive(rig, [], seed=SEED, mix=mix, load_s=away_s + 2, then=outage)
    tell(run, record_property)
    assert run.is_well, run.wrongs
    assert await repeats_of_b(rig) == repeated


async def test_a_stop_while_kafka_is_away_is_an_ordered_one(rig: Rig) -> None:
    await until(lambda: is_ready(rig, "service-c"), within_s=60)
    pid, said = rig.pid("service-c"), len(rig.said)
    with broken_link(rig, "service-c-kafka", "reset"):
        await is_waiting(rig, "service-c", ["kafka"])
        os.kill(pid, signal.SIGTERM)
        await until(lambda: is_gone(pid), within_s=STOP_S)
    await until(lambda: is_ready(rig, "service-c"), within_s=60)
    assert "service-c: ended by itself (exit code 0), starting it again" in rig.said[said:]


@pytest.mark.parametrize(
    "broken",
    [pytest.param(one, marks=() if one.name in IN_SHORT else pytest.mark.long, id=one.name) for one in BREAKS],
)
async def test_a_broken_build_is_caught(rig: Rig, broken: Break, tmp_path: Path) -> None:
    await run_from(rig, broken.service, broken.build(tmp_path / "tree"))
    try:
        # The one event that a kill catches may be a repeat, of which nothing is missing: repeats only where they count.
        mix = Mix(repeats=REPEATS.get(broken.name, 0), given_up=0)
        run = await drive(rig, CATCHING[broken.name], seed=SEED, mix=mix, load_s=5)
    finally:
        await run_from(rig, broken.service, ROOT)
    assert run.findings, "nothing was found"


async def run_from(rig: Rig, service: str, tree: Path) -> None:
    """Let `service` run from another tree."""
    link, pid = rig.tree(service), rig.pid(service)
    link.unlink()
    link.symlink_to(tree)
    os.kill(pid, signal.SIGKILL)
    await until(lambda: has_come_back(rig, service, pid), within_s=60)


async def has_come_back(rig: Rig, service: str, ended: int) -> bool:
    """Whether another process of `service` than `ended` is ready."""
    return rig.pid(service) != ended and await is_ready(rig, service)


def tell(run: Run, record_property: Record) -> None:
    """The figures, for who reads the report of the tests."""
    record_property("faults", len(run.faults))
    record_property("seconds", round(run.load_s + run.rest_s))
    record_property("counts", asdict(run.counts))  # a worker tells its controller in plain values
    record_property("wrongs", run.wrongs)


async def is_waiting(rig: Rig, service: str, missing: list[str]) -> None:
    """Raises TimeoutError where `service` does not tell that it lacks just `missing`; it has to be well otherwise."""
    await until(lambda: lacks(rig, service, missing), within_s=60)
    assert (await page(rig, service, "healthz")).status_code == 200


async def lacks(rig: Rig, service: str, missing: list[str]) -> bool:
    """Whether `service` says that it is not ready, and for what."""
    answer = await page(rig, service, "readyz")
    return (
        answer.status_code == 503 and [why.partition(":")[0].split()[0] for why in answer.json()["missing"]] == missing
    )


async def page(rig: Rig, service: str, name: str) -> httpx.Response:
    async with http_client(timeout=10) as client:
        return await client.get(f"{rig.url(service)}/{name}")


async def repeats_of_b(rig: Rig) -> float:
    metrics = (await page(rig, "service-b", "metrics")).text.splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in metrics if 'events_stored_total{outcome="duplicate"' in line)
