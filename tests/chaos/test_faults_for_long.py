"""One kind of fault after the other, with the full counts."""

import asyncio

import pytest

from tests.chaos.faults import DO
from tests.chaos.publishers import Mix
from tests.chaos.rig import Rig
from tests.chaos.run import drive
from tests.chaos.schedule import KINDS, Fault, possible
from tests.chaos.test_faults import SEED, Record, has_come_back, tell
from tests.support.proxies.aws import AWS_FAULTS
from tests.support.waiting import until

WORK_S = 2
"""What a service has between an end and the next, from when it is ready on."""
pytestmark = [pytest.mark.asyncio(loop_scope="package"), pytest.mark.timeout(900), pytest.mark.long]


def every(seconds: float, times: int, *faults: tuple[str, str]) -> list[Fault]:
    """Each fault in turn, `times` each, one begun every `seconds`."""
    turns = [fault for _ in range(times) for fault in faults]
    return [Fault(what, target, 1 + seconds * turn) for turn, (what, target) in enumerate(turns)]


def each_fault(*links: str) -> list[Fault]:
    """Every fault of AWS' calls for 10 s, with a rest of 2 s between them."""
    return [Fault(what, link, 1 + 12 * turn, 10) for turn, what in enumerate(AWS_FAULTS) for link in links]


ENDS = {
    "20 kills of B and of C": [("kill", "service-b"), ("kill", "service-c")] * 20,
    "10 stops of B and of C": [("restart", "service-b"), ("restart", "service-c")] * 10,
    "10 kills and stops of the gateway": [("kill", "gateway"), ("restart", "gateway")] * 10,
}
LONG = {
    "two and three workers of C for two minutes": [
        Fault("storm", "service-c", 1, 120),
        Fault("storm", "service-c", 4, 117),
    ],
    "Kafka restarted 3 times": every(12, 3, ("restart", "kafka")),
    "PostgreSQL restarted 3 times": every(8, 3, ("restart", "postgres")),
    "Kafka, PostgreSQL and DynamoDB killed 3 times": every(
        8, 3, ("kill", "kafka"), ("kill", "postgres"), ("kill", "dynamodb")
    ),
    "SQS at its worst": each_fault("service-b-sqs", "service-c-sqs"),
    "DynamoDB at its worst": each_fault("service-c-dynamodb"),
    "SNS at its worst": each_fault("gateway-sns"),
    "each broker out in each way": [
        Fault(f"{what} outage", broker, 1 + 16 * turn, 10)
        for turn, (what, broker) in enumerate(
            (what, broker) for what in ("reset", "stall", "delay", "cut", "error") for broker in KINDS[f"{what} outage"]
        )
    ],
    "slow stores for a minute": [
        Fault("slow", "service-c-dynamodb", 1, 60),
        Fault("slow", "service-b-postgres", 5, 60),
    ],
    "full disks": [Fault("fill", "postgres", 1, 10), Fault("fill", "dynamodb", 15, 10)],
    "what the short schedule leaves out": [
        Fault("kill thrice", "service-b", 1, 24),  # 8 s for each: five ends before it is ready stop the system
        Fault("kill thrice", "service-c", 5, 24),
        Fault("delay", "gateway-kafka", 36, 6),
        Fault("delay", "service-b-postgres", 44, 6),
        Fault("credentials", "gateway-sns", 52, 6),
        Fault("credentials", "service-c-sqs", 60, 6),
        Fault("password", "postgres", 68, 8),
        Fault("clock", "gateway", 80, 6),
        Fault("clock", "service-b", 88, 6),
        Fault("clock", "service-c", 96, 6),
    ],
}


@pytest.mark.parametrize("faults", LONG.values(), ids=LONG.keys())
async def test_one_kind_of_fault_for_long(rig: Rig, faults: list[Fault], record_property: Record) -> None:
    run = await drive(rig, possible(faults), seed=SEED)
    tell(run, record_property)
    assert run.is_well, run.wrongs


@pytest.mark.parametrize(
    ("what", "broker"),
    [(what, broker) for what in ("reset", "stall", "delay", "cut", "error") for broker in KINDS[f"{what} outage"]],
)
async def test_a_broker_is_out_for_a_minute_with_kills_meanwhile(
    rig: Rig, what: str, broker: str, record_property: Record
) -> None:
    faults = [
        Fault(f"{what} outage", broker, 2, 60),
        Fault("kill", "service-c", 20),
        Fault("kill", "gateway", 30),
        Fault("kill", "service-c", 45),
        Fault("kill", "gateway", 61),  # as the broker comes back
        Fault("kill", "service-c", 64),  # as what is pending is healed
    ]
    run = await drive(rig, faults, seed=SEED, mix=Mix(repeats=0.1), load_s=70)
    tell(run, record_property)
    assert run.is_well, run.wrongs
    assert run.counts.pending or what == "delay"


@pytest.mark.parametrize("ends", ENDS.values(), ids=ENDS.keys())
async def test_one_end_after_the_other(rig: Rig, ends: list[tuple[str, str]], record_property: Record) -> None:
    async def each() -> None:
        for what, service in ends:
            pid = rig.pid(service)
            await DO[what](rig, Fault(what, service, 0))
            await comes_back(rig, service, pid)

    run = await drive(rig, [], seed=SEED, then=each)
    tell(run, record_property)
    assert run.is_well, run.wrongs


async def comes_back(rig: Rig, service: str, ended: int) -> None:
    """Wait until `service` is ready again, and works: five ends before that would stop the system, as they should."""
    await until(lambda: has_come_back(rig, service, ended), within_s=60)
    await asyncio.sleep(WORK_S)
