"""One kind of fault after the other, with the full counts."""

import pytest

from tests.chaos.rig import Rig
from tests.chaos.run import drive
from tests.chaos.schedule import Fault, possible
from tests.chaos.test_faults import SEED, Record, tell
from tests.proxies.aws import AWS_FAULTS

pytestmark = [pytest.mark.asyncio(loop_scope="package"), pytest.mark.timeout(900), pytest.mark.long]


def every(seconds: float, times: int, *faults: tuple[str, str]) -> list[Fault]:
    """Each fault in turn, `times` each, one begun every `seconds`."""
    turns = [fault for _ in range(times) for fault in faults]
    return [Fault(what, target, 1 + seconds * turn) for turn, (what, target) in enumerate(turns)]


def each_fault(*links: str) -> list[Fault]:
    """Every fault of AWS' calls for 10 s, with a rest of 2 s between them."""
    return [Fault(what, link, 1 + 12 * turn, 10) for turn, what in enumerate(AWS_FAULTS) for link in links]


LONG = {
    # Time to become ready in between: five ends without it would stop the system, as it should.
    "20 kills of B and of C": every(6, 20, ("kill", "service-b"), ("kill", "service-c")),
    "10 stops of B and of C": every(6, 10, ("restart", "service-b"), ("restart", "service-c")),
    "10 kills and stops of the gateway": every(4, 10, ("kill", "gateway"), ("restart", "gateway")),
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
    "full disks": [Fault("fill", "postgres", 1, 10), Fault("fill", "dynamodb", 15, 10)],
}


@pytest.mark.parametrize("faults", LONG.values(), ids=LONG.keys())
async def test_one_kind_of_fault_for_long(rig: Rig, faults: list[Fault], record_property: Record) -> None:
    run = await drive(rig, possible(faults), seed=SEED)
    tell(run, record_property)
    assert run.is_well, run.wrongs
