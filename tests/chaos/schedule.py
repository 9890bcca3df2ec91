"""Which faults strike when: drawn from a seed, so that a run can be repeated from its number."""

import random
from collections.abc import Iterable
from dataclasses import dataclass

from tests.chaos import clock, disk
from tests.chaos.rig import AWS_LINKS, BROKERS, DISKS, SERVICES, WIRE_LINKS
from tests.support.proxies.aws import AWS_FAULTS
from tests.support.proxies.wire import WIRE_FAULTS

LOAD_S = 24.0
_FIRST_S, _LAST_S = 2.0, 16.0
_LONGEST_S = 7.0
_SERVERS = ("kafka", "postgres", "dynamodb")
_EMULATOR = "aws"
"""It is paused and proxied and never killed here: its queues outlive no crash (tests/chaos/test_repair.py)."""


@dataclass(frozen=True)
class Fault:
    """`what` is done to `target` for `for_s` seconds, `at_s` seconds after the load's begin."""

    what: str
    target: str
    at_s: float
    for_s: float = 0.0

    def __str__(self) -> str:
        return f"{self.what} {self.target} at {self.at_s:.1f} s" + (f" for {self.for_s:.1f} s" if self.for_s else "")


KINDS: dict[str, tuple[str, ...]] = {
    "kill": (*SERVICES, *_SERVERS),
    "kill thrice": ("service-b", "service-c"),
    "pause": (*SERVICES, *_SERVERS, _EMULATOR),
    "restart": (*SERVICES, *_SERVERS),
    "slow": ("service-b-postgres", "service-c-dynamodb"),
    "storm": ("service-b", "service-c"),
    "fill": DISKS,
    "password": ("postgres",),
    "clock": SERVICES,
    "foreign records": ("topic",),
    **{fault: AWS_LINKS for fault in AWS_FAULTS if fault not in WIRE_FAULTS},
    **dict.fromkeys(WIRE_FAULTS, (*AWS_LINKS, *WIRE_LINKS)),
    **{f"{fault} outage": tuple(BROKERS) for fault in WIRE_FAULTS},
    "error outage": ("sns",),
}
"""What can be done, and to what."""


def draw(seed: int) -> list[Fault]:
    """One to four faults, in the order of their times; no two strike the same part at once."""
    chance = random.Random(seed)
    faults: list[Fault] = []
    for _ in range(chance.choice((1, 2, 2, 3, 3, 4))):
        what = chance.choice(list(KINDS))
        fault = Fault(
            what,
            chance.choice(KINDS[what]),
            round(chance.uniform(_FIRST_S, _LAST_S), 1),
            0.0 if what in ("kill", "restart") else round(chance.uniform(1.5, _LONGEST_S), 1),
        )
        if not any(_meet(fault, other) for other in faults):
            faults.append(fault)
    return sorted(faults, key=lambda fault: fault.at_s)


def possible(faults: Iterable[Fault]) -> list[Fault]:
    """Those that this machine can do: a disk is filled where one can be mounted, a clock set with libfaketime."""
    cannot = {"fill"} if not disk.can_mount() else set()
    cannot |= set() if clock.IS_THERE else {"clock"}
    return [fault for fault in faults if fault.what not in cannot]


def _meet(one: Fault, other: Fault) -> bool:
    """Whether two faults are of one part and near in time: a part that is paused isn't killed."""
    margin_s = 3.0
    ends = min(one.at_s + one.for_s, other.at_s + other.for_s) + margin_s
    return one.target == other.target and ends > max(one.at_s, other.at_s)
