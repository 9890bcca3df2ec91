"""Gateways under load, between the SNS stub and a real Kafka.

The gateway has a core for itself; Kafka, the stub and the load share the others, so that what
is read is the gateway's own. A run counts when every event was answered with 202 and is in
the stub's count and in the topic.
"""

import os
import tempfile
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import httpx

from bench import cpu, load_process, topic
from bench.errors import DoesNotCount
from bench.load.plan import Outcome, Plan
from bench.running import running
from bench.workload import Durations
from pipeline.settings import KafkaSettings, StackSettings, inherited, read
from stack import kafka, ports, services
from stack.home import BIN, Home
from stack.part import Part
from stack.ports import HOST, Ports
from stack.probes import answers

OURS, NAIVE = "mensageria", "naive"
_MODULES = {OURS: "gateway", NAIVE: "bench.naive.gateway"}
_TOPIC_ARN = "arn:aws:sns:us-east-1:000000000000:events"
_CONNECTIONS = 64
_STUB = "sns-stub"


@dataclass(frozen=True)
class Taken:
    """What came out of a gateway: events in the stub, the calls that carried them, events in the topic."""

    sns_events: int
    sns_calls: int
    kafka_events: int


@asynccontextmanager
async def started() -> AsyncGenerator["GatewayRig", None]:
    """A rig with its own Kafka, on free ports, which leaves nothing behind."""
    all_cores = os.sched_getaffinity(0)
    gateway_core, other_cores = cpu.split_cores()
    os.sched_setaffinity(0, other_cores)  # inherited by all that is started from here
    try:
        with tempfile.TemporaryDirectory(prefix="mensageria-bench-") as folder:
            home, free = Home(Path(folder)), ports.choose(StackSettings(ports="free"))
            settings = read(KafkaSettings)
            async with running(home, kafka.part(home, free, settings)) as kafka_pid:
                yield GatewayRig(home, free, settings, kafka_pid=kafka_pid, gateway_core=gateway_core)
    finally:
        os.sched_setaffinity(0, all_cores)


class GatewayRig:
    """Puts one gateway at a time under load; each run has a fresh gateway and a fresh stub."""

    def __init__(
        self, home: Home, free: Ports, settings: KafkaSettings, *, kafka_pid: int, gateway_core: set[int]
    ) -> None:
        self._home = home
        self._ports = free
        self._kafka_settings = settings
        self._kafka_pid = kafka_pid
        self._gateway_core = gateway_core

    async def run(self, gateway: str, durations: Durations, rate_per_s: float | None = None) -> tuple[Outcome, Taken]:
        """One load on `gateway`: closed loop, or open loop at `rate_per_s`.

        Raises DoesNotCount, and PartFailed where the gateway doesn't start.
        """
        async with (
            running(self._home, self._stub()) as stub_pid,
            running(self._home, self._gateway(gateway)) as gateway_pid,
        ):
            cpu.pin(gateway_pid, self._gateway_core)
            before = await self._events_in_topic()
            watched = {"gateway": gateway_pid, "sns": stub_pid, "kafka": self._kafka_pid}
            outcome = await load_process.carry_out(self._plan(watched, durations, rate_per_s))
            counts = await self._stub_counts()
            taken = Taken(counts["events"], counts["calls"], await self._events_in_topic() - before)
        require_all(outcome, taken)
        return outcome, taken

    def _gateway(self, gateway: str) -> Part:
        part = services.gateway(self._ports, {"TopicArn": _TOPIC_ARN})
        return replace(part, command=(str(BIN / "python"), "-m", _MODULES[gateway]))

    def _stub(self) -> Part:
        return Part(
            name=_STUB,
            command=(str(BIN / "python"), "-m", "bench.sns_stub", str(self._ports.aws)),
            environment=inherited(),
            probe=answers(f"{services.url(self._ports.aws)}/counts"),
        )

    def _plan(self, watched: dict[str, int], durations: Durations, rate_per_s: float | None) -> Plan:
        return Plan(
            host=HOST,
            port=self._ports.gateway,
            connections=_CONNECTIONS,
            warm_up_s=durations.warm_up_s,
            measure_s=durations.measure_s,
            watched=watched,
            rate_per_s=rate_per_s,
        )

    async def _stub_counts(self) -> dict[str, int]:
        async with httpx.AsyncClient(trust_env=False) as client:
            answer = await client.get(f"{services.url(self._ports.aws)}/counts")
        counts: dict[str, int] = answer.raise_for_status().json()
        return counts

    async def _events_in_topic(self) -> int:
        return await topic.events(services.kafka_address(self._ports), self._kafka_settings)


def require_all(outcome: Outcome, taken: Taken) -> None:
    """Raise DoesNotCount unless every event sent was accepted and taken, by both legs, once."""
    if outcome.accepted != outcome.sent:
        raise DoesNotCount(
            f"of {outcome.sent} events {sum(outcome.refused.values())} were refused {outcome.refused}"
            f" and {outcome.unanswered} had no answer"
        )
    if not outcome.events:
        raise DoesNotCount(f"no event was accepted in the {outcome.seconds:.1f} s that were measured")
    for leg, events in (("SNS", taken.sns_events), ("Kafka", taken.kafka_events)):
        if events != outcome.accepted:
            raise DoesNotCount(f"{outcome.accepted} events were accepted, and {leg} has {events}")
