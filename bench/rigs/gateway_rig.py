"""Gateways under load, between the SNS stub and a real Kafka.

The gateway has a core for itself; Kafka, the stub and the load share the others, so that what
is read is the gateway's own. A run counts when every event was answered with 202 and is in
the stub's count and in the topic.
"""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from bench.errors import DoesNotCount
from bench.load.plan import Outcome, Plan
from bench.measuring import cpu, profiler
from bench.pipelines import Pipeline
from bench.rigs import load_process, pinned, topic
from bench.rigs.pinned import Place
from bench.rigs.running import running
from bench.workload import Durations
from pipeline.core.settings import inherited, read
from pipeline.core.settings.kafka import KafkaSettings
from stack import kafka, services
from stack.home import BIN
from stack.http_client import http_client
from stack.part import Part
from stack.ports import HOST
from stack.probes import answers

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
    with pinned.place() as place:
        settings = read(KafkaSettings)
        async with running(place.home, kafka.part(place.home, place.ports, settings)) as kafka_pid:
            yield GatewayRig(place, settings, kafka_pid)


class GatewayRig:
    """Puts one gateway at a time under load; each run has a fresh gateway and a fresh stub."""

    def __init__(self, place: Place, settings: KafkaSettings, kafka_pid: int) -> None:
        self._place = place
        self._ports = place.ports
        self._kafka_settings = settings
        self._kafka_pid = kafka_pid

    async def saturated(self, pipeline: Pipeline, durations: Durations) -> tuple[Outcome, Taken]:
        """A closed loop on the pipeline's gateway. Raises DoesNotCount, and PartFailed where it doesn't start."""
        async with self._gateway(pipeline) as load:
            outcome = await load.carry_out(durations)
            return outcome, await load.taken()

    async def at_share(self, pipeline: Pipeline, share: float, durations: Durations) -> tuple[Outcome, Taken]:
        """An open loop at `share` of what the same gateway took in a closed loop the moment before.

        So a machine that is slower than it was a minute ago moves both. Raises as `saturated` does.
        """
        async with self._gateway(pipeline) as load:
            full = await load.carry_out(durations.calibration())
            outcome = await load.carry_out(durations.of_tail(), rate_per_s=share * full.events / full.seconds)
            return outcome, await load.taken()

    @asynccontextmanager
    async def _gateway(self, pipeline: Pipeline) -> AsyncGenerator["_Load", None]:
        part = services.gateway(self._place.home, self._ports, {"TopicArn": _TOPIC_ARN})
        part = pipeline.of(part, "gateway", self._ports.gateway)
        async with (
            running(self._place.home, self._stub()) as stub_pid,
            running(self._place.home, part) as gateway_pid,
        ):
            cpu.pin(gateway_pid, self._place.core)
            profiler.watch(gateway_pid)
            watched = {"gateway": gateway_pid, "sns": stub_pid, "kafka": self._kafka_pid}
            yield _Load(self, watched, await self.events_in_topic())

    async def stub_counts(self) -> dict[str, int]:
        """The stub's `events` and `calls`."""
        async with http_client() as client:
            answer = await client.get(f"{services.url(self._ports.aws)}/counts")
        counts: dict[str, int] = answer.raise_for_status().json()
        return counts

    async def events_in_topic(self) -> int:
        """How many events were ever written to the topic."""
        return await topic.records(services.kafka_address(self._ports), self._kafka_settings.topic)

    def plan(self, watched: dict[str, int], durations: Durations, rate_per_s: float | None) -> Plan:
        """A load on the gateway."""
        return Plan(
            host=HOST,
            port=self._ports.gateway,
            connections=_CONNECTIONS,
            warm_up_s=durations.warm_up_s,
            measure_s=durations.measure_s,
            watched=watched,
            rate_per_s=rate_per_s,
        )

    def _stub(self) -> Part:
        return Part(
            name=_STUB,
            command=(str(BIN / "python"), "-m", "bench.stubs.sns", str(self._ports.aws)),
            environment=inherited(),
            probe=answers(f"{services.url(self._ports.aws)}/counts"),
        )


class _Load:
    """One gateway's loads: all that was accepted has to be where its 202 says that it is."""

    def __init__(self, rig: GatewayRig, watched: dict[str, int], events_before: int) -> None:
        self._rig = rig
        self._watched = watched
        self._events_before = events_before
        self._accepted = 0

    async def carry_out(self, durations: Durations, rate_per_s: float | None = None) -> Outcome:
        """A load; raises DoesNotCount where one of its events was not accepted."""
        outcome = await load_process.carry_out(self._rig.plan(self._watched, durations, rate_per_s))
        require_accepted(outcome)
        self._accepted += outcome.accepted
        return outcome

    async def taken(self) -> Taken:
        """What came out; raises DoesNotCount where that isn't what was accepted."""
        counts = await self._rig.stub_counts()
        events = await self._rig.events_in_topic() - self._events_before
        taken = Taken(counts["events"], counts["calls"], events)
        require_taken(self._accepted, taken)
        return taken


def require_accepted(outcome: Outcome) -> None:
    """Raise DoesNotCount unless every event sent was accepted."""
    if outcome.accepted != outcome.sent:
        raise DoesNotCount(
            f"of {outcome.sent} events {sum(outcome.refused.values())} were refused {outcome.refused}"
            f" and {outcome.unanswered} had no answer"
        )
    if not outcome.events:
        raise DoesNotCount(f"no event was accepted in the {outcome.seconds:.1f} s that were measured")


def require_taken(accepted: int, taken: Taken) -> None:
    """Raise DoesNotCount unless each leg has every accepted event, once."""
    for leg, events in (("SNS", taken.sns_events), ("Kafka", taken.kafka_events)):
        if events != accepted:
            raise DoesNotCount(f"{accepted} events were accepted, and {leg} has {events}")
