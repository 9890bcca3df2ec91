"""Micro-batches to SNS: what goes together and when, what is tried again, what a deadline ends."""

import asyncio
from collections.abc import Callable

import pytest

from gateway.errors import LegRefused, LegUnavailable
from gateway.legs import sns_batches
from gateway.legs.leg import SPACING_S, TICK_S
from gateway.legs.sns_batches import SnsBatches
from gateway.legs.sns_request import Verdict
from gateway.publication import Publication
from tests.support.publications import make


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


async def _turn() -> None:
    await asyncio.sleep(0)


async def _until(condition: Callable[[], bool]) -> None:
    while not condition():
        await _turn()
