"""Fan-out: what is acknowledged, what the other leg holds, what a deadline ends."""

import asyncio
import json
from typing import Self

import msgspec
import pytest
from prometheus_client import generate_latest

from gateway import publication
from gateway.errors import LegRefused, LegUnavailable, TooLarge
from gateway.legs import breaker
from gateway.legs.fan_out import FanOut
from gateway.publication import Publication
from pipeline.events.event import MAX_EVENT_BYTES, parse
from pipeline.telemetry.metrics import GatewayMetrics
from tests.support.publications import RECEIVED_AT, TRACEPARENT, make
from tests.support.waiting import until


def test_an_event_that_fits_without_its_metadata_alone_is_too_large() -> None:
    fits = make(1)
    spare = MAX_EVENT_BYTES - fits.size_bytes
    assert make(1, 1 + spare).size_bytes == MAX_EVENT_BYTES
    with pytest.raises(TooLarge, match="262,145 bytes"):
        make(1, 2 + spare)


def test_what_is_sent_as_an_escape_is_counted_as_one() -> None:
    event = {"specversion": "1.0", "id": "1", "source": "s", "type": "t", "data": "\uffff\ufffe" * 10_000}
    body = json.dumps(event, ensure_ascii=False).encode()
    made = publication.of(parse(body), RECEIVED_AT, TRACEPARENT)
    assert made.size_bytes - make(1, 0).size_bytes == 6 * 20_000
    assert made.body == body
    large = json.dumps(event | {"data": "\uffff" * 87_000}, ensure_ascii=False).encode()
    with pytest.raises(TooLarge):
        publication.of(parse(large), RECEIVED_AT, TRACEPARENT)


class OneLeg:
    """A leg that acknowledges when its gate is open."""

    def __init__(self, name: str, *, is_open: bool = False) -> None:
        self.name = name
        self.gate = asyncio.Event()
        self.published: list[str] = []
        self.held: list[str] = []
        if is_open:
            self.gate.set()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        return None

    def publish(self, publication: Publication) -> asyncio.Future[None]:
        return self._into(self.published, publication)

    def can_hold(self, _publication: Publication) -> bool:
        return True

    def hold(self, publication: Publication) -> asyncio.Future[None]:
        return self._into(self.held, publication)

    def publish_held(self, publication: Publication) -> list[asyncio.Future[None]]:
        return [self.publish(publication), self.hold(publication)]

    async def check(self) -> None:
        if not self.gate.is_set():
            raise LegUnavailable(self.name, "closed")

    def _into(self, ids: list[str], publication: Publication) -> asyncio.Future[None]:
        acknowledged: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if self.gate.is_set():
            ids.append(publication.id)
            acknowledged.set_result(None)
        return acknowledged


def fan(sns: OneLeg, kafka: OneLeg, timeout_s: float = 0.1, *, accepts_degraded: bool = True) -> FanOut:
    return FanOut([sns, kafka], timeout_s, GatewayMetrics(), accepts_degraded=accepts_degraded)


async def test_a_leg_that_does_not_answer_fails_at_the_deadline_and_the_other_is_stored() -> None:
    sns, kafka, metrics = OneLeg("sns", is_open=True), OneLeg("kafka"), GatewayMetrics()
    async with FanOut([sns, kafka], 0.05, metrics, accepts_degraded=False) as fan_out:
        outcome = await fan_out.publish(make(1))
        assert outcome.legs == {"sns": "stored", "kafka": "failed"}
        assert outcome.retry_after_s > 0
        assert await fan_out.check() == {"sns": None, "kafka": "kafka: closed"}
    assert b'events_published_total{leg="kafka",outcome="failed"} 1.0' in generate_latest(metrics.registry)
    assert b'events_published_total{leg="sns",outcome="stored"} 1.0' in generate_latest(metrics.registry)


async def test_a_leg_that_is_out_is_known_and_the_other_one_spared() -> None:
    sns, kafka = OneLeg("sns", is_open=True), OneLeg("kafka")
    async with fan(sns, kafka, 1, accepts_degraded=False) as fan_out:
        await asyncio.gather(*(fan_out.publish(make(id_)) for id_ in range(breaker.MIN_FAILURES)))
        outcome = await asyncio.wait_for(fan_out.publish(make(99)), 0.9)
        assert outcome.legs == {"sns": "not_tried", "kafka": "failed"}
        assert 0 < outcome.retry_after_s <= breaker.PAUSE_S
        assert "99" not in sns.published


@pytest.mark.parametrize(("left", "out"), [("sns", "kafka"), ("kafka", "sns")])
async def test_while_one_leg_is_out_the_other_one_holds_its_events(left: str, out: str) -> None:
    legs = {left: OneLeg(left, is_open=True), out: OneLeg(out)}
    metrics = GatewayMetrics()
    async with FanOut([legs["sns"], legs["kafka"]], 0.1, metrics, accepts_degraded=True) as fan_out:
        # The first ones find out, and are held after they failed.
        first = await asyncio.gather(*(fan_out.publish(make(id_)) for id_ in range(breaker.MIN_FAILURES)))
        known = await asyncio.wait_for(fan_out.publish(make(99)), 0.05)
    for outcome in (*first, known):
        assert outcome == ({left: "stored", out: "pending"}, 0.0, "")
    assert set(legs[left].held) == {"0", "1", "2", "99"} == set(legs[left].published)
    assert f'events_pending_total{{leg="{out}"}} 4.0'.encode() in generate_latest(metrics.registry)


async def test_an_event_that_keeps_an_order_does_not_wait_for_kafka_but_for_sns() -> None:
    ordered = _ordered(1)
    sns, kafka = OneLeg("sns", is_open=True), OneLeg("kafka")
    async with fan(sns, kafka) as fan_out:
        await asyncio.gather(*(fan_out.publish(make(id_)) for id_ in range(breaker.MIN_FAILURES)))
        outcome = await fan_out.publish(ordered)
        assert outcome.legs == {"sns": "not_tried", "kafka": "failed"}
        assert outcome.retry_after_s > 0
    async with fan(OneLeg("sns"), OneLeg("kafka", is_open=True)) as fan_out:
        assert (await fan_out.publish(ordered)).legs == {"sns": "pending", "kafka": "stored"}


async def test_with_both_legs_out_nothing_is_accepted() -> None:
    sns, kafka = OneLeg("sns"), OneLeg("kafka")
    async with fan(sns, kafka) as fan_out:
        outcomes = [await fan_out.publish(make(id_)) for id_ in range(breaker.MIN_FAILURES + 1)]
    assert {tuple(outcome.legs.values()) for outcome in outcomes} == {("failed", "failed")}
    assert all(outcome.retry_after_s > 0 for outcome in outcomes)


async def test_where_nothing_holds_the_event_it_is_not_accepted() -> None:
    class Forgetful(OneLeg):
        def hold(self, publication: Publication) -> asyncio.Future[None]:
            failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            failed.set_exception(LegUnavailable(self.name, "the topic is missing"))
            return failed

    async with fan(OneLeg("sns"), Forgetful("kafka", is_open=True)) as fan_out:
        outcomes = [await fan_out.publish(make(id_)) for id_ in range(breaker.MIN_FAILURES + 1)]
    assert [outcome.legs["sns"] for outcome in outcomes] == ["failed", "failed", "failed", "not_tried"]
    assert all(outcome.retry_after_s > 0 for outcome in outcomes)


async def test_a_leg_that_is_back_is_found_by_a_probe_that_delays_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(breaker, "PAUSE_S", 0.0)
    sns, kafka = OneLeg("sns", is_open=True), OneLeg("kafka")
    async with fan(sns, kafka, 1) as fan_out:
        await asyncio.gather(*(fan_out.publish(make(id_)) for id_ in range(breaker.MIN_FAILURES)))
        outcome = await asyncio.wait_for(fan_out.publish(make(50)), 0.3)  # the probe waits for 0.6 s
        assert outcome.legs == {"sns": "stored", "kafka": "pending"}
        kafka.gate.set()
        await until(lambda: _kafka_has(fan_out), within_s=5, every_s=0.01)
        assert kafka.published


async def test_legs_that_change_places_lose_no_event(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(breaker, "PAUSE_S", 0.0)
    sns, kafka = OneLeg("sns", is_open=True), OneLeg("kafka")
    async with fan(sns, kafka) as fan_out:
        await asyncio.gather(*(fan_out.publish(make(id_)) for id_ in range(breaker.MIN_FAILURES)))
        sns.gate.clear()
        kafka.gate.set()
        assert (await fan_out.publish(make(7))).legs == {"sns": "pending", "kafka": "stored"}
    assert kafka.held == ["7"]


async def _kafka_has(fan_out: FanOut) -> bool:
    return (await fan_out.publish(make(60))).legs["kafka"] == "stored"


async def test_the_answer_comes_before_the_deadline_also_where_an_event_is_held_late() -> None:
    loop = asyncio.get_running_loop()
    async with fan(OneLeg("sns"), OneLeg("kafka", is_open=True), 1) as fan_out:
        begun = loop.time()
        assert (await fan_out.publish(make(1))).legs["sns"] == "pending"
        assert loop.time() - begun < 1


def _ordered(id_: int) -> Publication:
    event = {"specversion": "1.0", "id": str(id_), "source": "s", "type": "t", "partitionkey": "cart-9"}
    return publication.of(parse(json.dumps(event).encode()), RECEIVED_AT, TRACEPARENT)


def test_an_event_that_is_as_large_as_sns_takes_has_no_room_for_the_mark() -> None:
    spare = MAX_EVENT_BYTES - make(1).size_bytes
    held = publication.pending_in_kafka(make(1))
    assert held.metadata[-1] == ("pending", "kafka")
    mark = held.size_bytes - make(1).size_bytes
    largest, larger = make(1, 1 + spare - mark), make(1, 2 + spare - mark)
    assert publication.pending_in_kafka(largest).size_bytes == MAX_EVENT_BYTES
    assert publication.can_be_marked(largest)
    assert not publication.can_be_marked(larger)


async def test_events_that_nothing_can_hold_do_not_open_the_breaker_of_the_leg_that_is_left() -> None:
    class Full(OneLeg):
        def can_hold(self, publication: Publication) -> bool:
            return publication.id != "large"

    sns, kafka = Full("sns", is_open=True), OneLeg("kafka")
    async with fan(sns, kafka) as fan_out:
        await asyncio.gather(*(fan_out.publish(make(id_)) for id_ in range(breaker.MIN_FAILURES)))
        large = msgspec.structs.replace(make(7), id="large")
        for _ in range(breaker.MIN_FAILURES):
            assert (await fan_out.publish(large)).legs == {"sns": "not_tried", "kafka": "failed"}
        assert (await fan_out.publish(make(8))).legs == {"sns": "stored", "kafka": "pending"}


class RefusingLeg(OneLeg):
    """A leg that takes nothing, ever."""

    def publish(self, publication: Publication) -> asyncio.Future[None]:
        refused: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        refused.set_exception(LegRefused(self.name, "InvalidParameter"))
        return refused


async def test_a_refusal_is_told_and_opens_no_breaker() -> None:
    kafka, metrics = OneLeg("kafka", is_open=True), GatewayMetrics()
    async with FanOut([RefusingLeg("sns"), kafka], 0.05, metrics, accepts_degraded=True) as fan_out:
        outcomes = [await fan_out.publish(make(id_)) for id_ in range(breaker.MIN_FAILURES + 1)]
    assert {outcome.refusal for outcome in outcomes} == {"sns: InvalidParameter"}
    assert outcomes[-1].legs == {"sns": "failed", "kafka": "stored"}
    assert b'events_published_total{leg="sns",outcome="failed"} 0.0' in generate_latest(metrics.registry)
