"""Fan-out and micro-batches: what is acknowledged, what is tried again, what a deadline ends."""

import asyncio
import json
from collections.abc import Callable
from typing import Self

import msgspec
import pytest
from prometheus_client import generate_latest

from gateway import publication
from gateway.errors import LegRefused, LegUnavailable, TooLarge
from gateway.legs import breaker, sns_batches
from gateway.legs.fan_out import FanOut
from gateway.legs.leg import SPACING_S, TICK_S
from gateway.legs.sns_batches import SnsBatches
from gateway.legs.sns_request import Verdict
from gateway.publication import Publication
from pipeline.events.event import MAX_EVENT_BYTES, parse
from pipeline.telemetry.metrics import GatewayMetrics
from tests.support.waiting import until

RECEIVED_AT = "2026-11-23T15:24:00.123456Z"
TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def make(id_: int, data_bytes: int = 1) -> Publication:
    event = {"specversion": "1.0", "id": str(id_), "source": "s", "type": "t", "data": "x" * data_bytes}
    return publication.of(parse(json.dumps(event).encode()), RECEIVED_AT, TRACEPARENT)


class Sns:
    """Records PublishBatch calls and fails what it is told to: the emulator never fails partially."""

    def __init__(self) -> None:
        self.calls: list[list[str]] = []
        self.failing: dict[str, int] = {}
        self.gate = asyncio.Event()
        self.gate.set()

    async def publish(self, publications: list[Publication]) -> Verdict:
        ids = [each.id for each in publications]
        self.calls.append(ids)
        await self.gate.wait()
        failed = {index for index, id_ in enumerate(ids) if self.failing.get(id_)}
        for index in failed:
            self.failing[ids[index]] -= 1
        if failed == set(range(len(ids))):
            raise LegUnavailable("sns", "all of them")
        return Verdict(set(range(len(ids))) - failed, {})


async def publish_all(batches: SnsBatches, ids: range) -> None:
    await asyncio.gather(*(batches.publish(make(id_)) for id_ in ids))


async def test_what_comes_in_the_same_turn_goes_together_up_to_ten() -> None:
    sns = Sns()
    await publish_all(SnsBatches(sns.publish, 5), range(23))
    assert [len(call) for call in sns.calls] == [10, 10, 3]


async def test_one_alone_goes_at_once_and_the_next_wait_for_company_while_it_is_under_way() -> None:
    sns = Sns()
    sns.gate.clear()
    batches = SnsBatches(sns.publish, 5)
    first = batches.publish(make(0))
    await asyncio.wait_for(_until(lambda: sns.calls == [["0"]]), 1)
    rest = asyncio.create_task(publish_all(batches, range(1, 4)))
    await asyncio.wait_for(_until(lambda: len(sns.calls) == 2), 1)
    assert sns.calls[1] == ["1", "2", "3"]  # after COMPANY_S, though the first call hangs
    sns.gate.set()
    await asyncio.gather(first, rest)


async def test_one_that_follows_soon_waits_for_company(monkeypatch: pytest.MonkeyPatch) -> None:
    sns = Sns()
    batches = SnsBatches(sns.publish, 5)
    loop = asyncio.get_running_loop()
    begun = loop.time()
    await publish_all(batches, range(1))
    await publish_all(batches, range(1, 2))
    assert loop.time() - begun >= SPACING_S - 2 * TICK_S
    monkeypatch.setattr(sns_batches, "SPACING_S", 3600)
    nine = asyncio.create_task(publish_all(batches, range(2, 11)))
    assert not (await asyncio.wait([nine], timeout=SPACING_S))[0]
    await publish_all(batches, range(11, 12))
    await nine
    assert sns.calls == [["0"], ["1"], [str(number) for number in range(2, 12)]]


async def test_what_comes_while_a_call_is_under_way_goes_together_at_its_end() -> None:
    sns = Sns()
    sns.gate.clear()
    batches = SnsBatches(sns.publish, 5)
    waiting = [batches.publish(make(0))]
    await asyncio.wait_for(_until(lambda: sns.calls == [["0"]]), 1)
    for number in (1, 2, 3):
        waiting.append(batches.publish(make(number)))
        await asyncio.sleep(0)
    assert len(sns.calls) == 1
    sns.gate.set()
    await asyncio.gather(*waiting)
    assert sns.calls == [["0"], ["1", "2", "3"]]


async def test_calls_under_way_are_bounded() -> None:
    sns = Sns()
    sns.gate.clear()
    batches = SnsBatches(sns.publish, 5)
    everything = asyncio.create_task(publish_all(batches, range(200)))
    await asyncio.wait_for(_until(lambda: len(sns.calls) == sns_batches.MAX_CALLS), 1)
    await asyncio.wait([everything], timeout=2 * sns_batches.COMPANY_S)
    assert len(sns.calls) == sns_batches.MAX_CALLS
    sns.gate.set()
    await everything
    assert sum(map(len, sns.calls)) == 200


async def test_a_batch_holds_no_more_bytes_than_sns_takes() -> None:
    sns = Sns()
    sizes = [100_000, 100_000, 100_000, 200_000, 10]
    batches = SnsBatches(sns.publish, 5)
    await asyncio.gather(*(batches.publish(make(id_, size)) for id_, size in enumerate(sizes)))
    assert sns.calls == [["0", "1"], ["2"], ["3", "4"]]


async def test_only_the_failed_entries_are_tried_again() -> None:
    sns = Sns()
    sns.failing = {"1": 2, "3": 1}
    await publish_all(SnsBatches(sns.publish, 5), range(4))
    assert sns.calls == [["0", "1", "2", "3"], ["1", "3"], ["1"]]


async def test_an_entry_that_keeps_failing_ends_with_the_deadline_and_alone() -> None:
    sns = Sns()
    sns.failing = {"1": 1_000}
    batches = SnsBatches(sns.publish, 0.3)
    outcomes = await asyncio.gather(*(batches.publish(make(id_)) for id_ in range(3)), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [type(None), LegUnavailable, type(None)]


async def test_a_publisher_that_leaves_takes_its_entry_along_and_no_other() -> None:
    sns = Sns()
    sns.gate.clear()
    batches = SnsBatches(sns.publish, 5)
    busy = [batches.publish(make(id_)) for id_ in range(10 * sns_batches.MAX_CALLS)]
    await asyncio.wait_for(_until(lambda: len(sns.calls) == sns_batches.MAX_CALLS), 1)
    late = [batches.publish(make(id_)) for id_ in range(1_000, 1_015)]
    await _turn()
    for leaving in (*late[:5], busy[0]):
        leaving.cancel()
    sns.gate.set()
    await asyncio.gather(*busy[1:], *late[5:])
    assert sns.calls[sns_batches.MAX_CALLS :] == [[str(id_) for id_ in range(1_005, 1_015)]]


async def test_closing_leaves_no_call_behind() -> None:
    sns = Sns()
    sns.gate.clear()
    batches = SnsBatches(sns.publish, 5)
    tasks = [batches.publish(make(id_)) for id_ in range(100)]
    await asyncio.wait_for(_until(lambda: bool(sns.calls)), 1)
    await asyncio.wait_for(batches.aclose(), 1)
    await asyncio.wait(tasks, timeout=1)
    assert all(task.done() for task in tasks)
    assert {task for task in asyncio.all_tasks() if task is not asyncio.current_task()} == set()
    for task in tasks:
        if not task.cancelled():
            assert isinstance(task.exception(), LegUnavailable)


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


async def test_a_refused_batch_is_sent_one_by_one_and_only_the_refused_one_fails_at_once() -> None:
    calls: list[list[str]] = []

    async def publish(publications: list[Publication]) -> Verdict:
        ids = [each.id for each in publications]
        calls.append(ids)
        if "1" in ids:
            raise LegRefused("sns", "InvalidParameter")
        return Verdict(set(range(len(ids))), {})

    batches = SnsBatches(publish, 5)
    outcomes = await asyncio.gather(*(batches.publish(make(id_)) for id_ in range(3)), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [type(None), LegRefused, type(None)]
    assert calls == [["0", "1", "2"], ["0"], ["1"], ["2"]]


async def test_an_entry_that_is_refused_beside_stored_ones_ends_at_once() -> None:
    calls: list[int] = []

    async def publish(publications: list[Publication]) -> Verdict:
        calls.append(len(publications))
        return Verdict({0, 2}, {1: "InvalidParameter"})

    batches = SnsBatches(publish, 5)
    outcomes = await asyncio.gather(*(batches.publish(make(id_)) for id_ in range(3)), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [type(None), LegRefused, type(None)]
    assert calls == [3]


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


async def _turn() -> None:
    await asyncio.sleep(0)


async def _until(condition: Callable[[], bool]) -> None:
    while not condition():
        await _turn()
