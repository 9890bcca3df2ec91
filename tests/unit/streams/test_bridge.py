"""The bridge from a queue: how many receive, how much is in flight, and what becomes of a batch."""

import asyncio
import gc
import time
import weakref
from collections.abc import AsyncIterator, Sequence
from typing import Any

import msgspec
import pytest

from pipeline.clients.aws_json import JsonApi
from pipeline.clients.sqs import Message, Queue
from pipeline.core.errors import QueueUnavailable, ReceiptExpired
from pipeline.core.settings.workers import WorkerSettings
from streams import sqs_bridge
from streams.in_flight import InFlight
from streams.queue_consumer import Receiving
from streams.sqs_bridge import SqsBridge
from tests.support.waiting import until


def message(number: int, size: int = 10) -> Message:
    system = {"SentTimestamp": "1764000000000", "ApproximateReceiveCount": "1"}
    return Message(message_id=str(number), receipt_handle=str(number), body="x" * size, attributes=system)


class InMemory(Queue):
    """A queue in memory, which answers a long poll at once where `waits` is off."""

    def __init__(self) -> None:
        super().__init__("http://127.0.0.1:1/own", JsonApi("sqs"))
        self.waiting: list[Message] = []
        self.receiving = self.most_receiving = 0
        self.deleted: list[Message] = []
        self.deletions: list[int] = []
        self.hidden: list[tuple[str, int]] = []
        self.fails = self.has_expired = False
        self.polls_end = asyncio.Event()
        self.polls_end.set()

    async def receive(self, *, visibility_timeout_s: int, wait_s: int) -> list[Message]:
        self.receiving += 1
        self.most_receiving = max(self.most_receiving, self.receiving)
        try:
            await asyncio.sleep(0.001 if self.waiting else 0.02)
            if not self.waiting:
                await self.polls_end.wait()
            if self.fails:
                raise QueueUnavailable("away")
            taken, self.waiting = self.waiting[:10], self.waiting[10:]
            return taken
        finally:
            self.receiving -= 1

    async def delete(self, messages: Sequence[Message]) -> None:
        self.deleted += messages
        self.deletions.append(len(messages))

    async def change_visibility(self, messages: Sequence[Message], timeout_s: int) -> None:
        self.hidden += [(each.message_id, timeout_s) for each in messages]
        if self.has_expired:
            raise ReceiptExpired("one of them")


class Running:
    """A bridge with its queue; `batches` are what its agent would get."""

    def __init__(self, **settings: Any) -> None:
        self.queue = InMemory()
        self.batches: asyncio.Queue[Any] = asyncio.Queue()
        self.stopped = False
        channel: Any = self.batches
        made = WorkerSettings(**settings)
        self.settings = made
        self.bridge = SqsBridge(self.queue, channel, made, lambda: self.stopped)

    async def settle_all(self, settled: bool) -> None:
        while True:
            (await self.batches.get()).settled.set_result(settled)


@pytest.fixture
async def running(request: pytest.FixtureRequest) -> AsyncIterator[Running]:
    one = Running(in_flight_events=50, visibility_timeout_s=1, **getattr(request, "param", {}))
    await one.bridge.start()
    yield one
    one.stopped = True
    agent = asyncio.create_task(one.settle_all(True))
    await one.bridge.stop()
    agent.cancel()


async def test_what_is_settled_is_deleted_and_one_receiver_is_left(running: Running) -> None:
    agent = asyncio.create_task(running.settle_all(True))
    running.queue.waiting = [message(number) for number in range(200)]

    async def all_deleted() -> bool:
        return len(running.queue.deleted) == 200

    async def one_is_left() -> bool:
        return len(running.bridge._receivers) == 1

    await until(all_deleted, within_s=5)
    assert running.queue.most_receiving > 1
    await until(one_is_left, within_s=5)
    answers = running.bridge.answers
    running.queue.waiting = [message(200)]

    async def the_last_too() -> bool:
        return len(running.queue.deleted) == 201

    await until(the_last_too, within_s=5)
    assert running.bridge.answers > answers
    agent.cancel()


async def test_receivers_that_come_back_at_once_leave_one(running: Running) -> None:
    agent = asyncio.create_task(running.settle_all(True))
    running.queue.polls_end.clear()
    running.queue.waiting = [message(number) for number in range(100)]

    async def several_wait() -> bool:
        return running.queue.receiving == 4 and not running.queue.waiting

    async def one_is_left() -> bool:
        return running.queue.receiving == 1

    await until(several_wait, within_s=5)
    running.queue.polls_end.set()
    await until(one_is_left, within_s=5)
    agent.cancel()


@pytest.mark.parametrize("running", [{"batch_wait_s": 2}], indirect=True)
async def test_one_after_a_burst_waits_for_no_others_though_several_receive(running: Running) -> None:
    running.queue.polls_end.clear()
    running.queue.waiting = [message(number) for number in range(100)]
    held = 0
    while held < 100:
        batch = await asyncio.wait_for(running.batches.get(), 5)
        held += len(batch.arrivals)
        batch.settled.set_result(True)
    await asyncio.sleep(2)  # the burst is over: its rate fades
    assert len(running.bridge._receivers) > 1
    begun = time.monotonic()
    running.bridge._received.put_nowait([message(100)])
    assert len((await running.batches.get()).arrivals) == 1
    assert time.monotonic() - begun < 1.5
    running.queue.polls_end.set()


async def test_what_is_in_flight_is_bounded_and_stays_hidden(running: Running) -> None:
    running.queue.waiting = [message(number) for number in range(200)]

    async def all_extended() -> bool:
        extended = {id_ for id_, timeout_s in running.queue.hidden if timeout_s == 1}
        return running.bridge.in_flight.is_full and len(extended) == len(running.bridge.in_flight)

    await until(all_extended, within_s=5)
    assert 50 <= len(running.bridge.in_flight) < 50 + 10
    assert running.queue.waiting


async def test_a_receipt_that_expired_does_not_keep_the_others_due(running: Running) -> None:
    running.queue.has_expired = True
    running.queue.waiting = [message(number) for number in range(5)]

    async def extended_and_not_due() -> bool:
        return bool(running.queue.hidden) and not running.bridge.in_flight.due(2 / 3)

    await until(extended_and_not_due, within_s=5, every_s=0.01)


async def test_what_is_not_settled_is_given_back(running: Running) -> None:
    running.queue.waiting = [message(number) for number in range(5)]
    (await running.batches.get()).settled.set_result(False)

    async def given_back() -> bool:
        return [id_ for id_, timeout_s in running.queue.hidden if timeout_s == 0] == ["0", "1", "2", "3", "4"]

    await until(given_back, within_s=5)
    assert not running.queue.deleted


async def test_what_is_released_is_deleted_while_the_rest_is_settled(running: Running) -> None:
    running.queue.waiting = [message(number) for number in range(5)]
    batch = await running.batches.get()
    await batch.release([0, 3])

    async def two_deleted() -> bool:
        return [each.message_id for each in running.queue.deleted] == ["0", "3"]

    await until(two_deleted, within_s=5)
    batch.settled.set_result(False)

    async def the_rest_is_given_back() -> bool:
        return [id_ for id_, timeout_s in running.queue.hidden if timeout_s == 0] == ["1", "2", "4"]

    await until(the_rest_is_given_back, within_s=5)
    assert len(running.queue.deleted) == 2


async def test_messages_that_are_settled_one_after_the_other_are_deleted_together(running: Running) -> None:
    running.queue.waiting = [message(number) for number in range(25)]
    batches = [await running.batches.get()]
    while sum(len(batch.arrivals) for batch in batches) < 25:
        batches.append(await running.batches.get())
    for batch in batches:
        for position in range(len(batch.arrivals)):
            await batch.release([position])

    async def all_deleted() -> bool:
        return len(running.queue.deleted) == 25

    await until(all_deleted, within_s=5, every_s=0.01)
    assert running.queue.deletions == [10, 10, 5]


async def test_a_message_that_can_not_be_read_holds_up_no_other(running: Running) -> None:
    bad = Message(message_id="bad", receipt_handle="bad", body="x", attributes={"SentTimestamp": "1764000000000"})
    running.queue.waiting = [message(1), bad, message(2)]
    batch = await running.batches.get()
    assert [arrival.origin["message_id"] for arrival in batch.arrivals] == ["1", "2"]
    batch.settled.set_result(True)

    async def nothing_is_in_flight() -> bool:
        return len(running.bridge.in_flight) == 0

    await until(nothing_is_in_flight, within_s=5)
    assert [each.message_id for each in running.queue.deleted] == ["1", "2"]


async def test_an_outage_is_told_and_waited_out(running: Running) -> None:
    running.queue.fails = True

    async def is_away() -> bool:
        return running.bridge.outage is not None

    async def is_back() -> bool:
        return running.bridge.outage is None

    await until(is_away, within_s=5)
    running.queue.fails = False
    await until(is_back, within_s=5)


def test_bytes_are_bounded_too() -> None:
    flight = InFlight(most_events=1000, most_bytes=1000, longest_s=60)
    large = [message(number, 400) for number in range(3)]
    flight.add(large[:2], time.monotonic() + 30)
    assert not flight.is_full
    flight.add(large[2:], time.monotonic() + 30)
    assert flight.is_full
    flight.remove(large[:1])
    assert (flight.is_full, len(flight), flight.removed) == (False, 2, 1)


def test_the_bytes_of_attributes_count() -> None:
    flight = InFlight(most_events=1000, most_bytes=1000, longest_s=60)
    raw = {
        "MessageId": "1",
        "ReceiptHandle": "1",
        "Body": "x",
        "Attributes": {},
        "MessageAttributes": {
            "text": {"DataType": "String", "StringValue": "x" * 500},
            "octets": {"DataType": "Binary", "BinaryValue": b"x" * 499},
        },
    }
    large = msgspec.json.decode(msgspec.json.encode(raw), type=Message)
    flight.add([large], time.monotonic() + 30)
    assert flight.is_full
    flight.remove([large])
    flight.add([message(1, 999)], time.monotonic() + 30)
    assert not flight.is_full


class Cycle:
    """Holds a message until the garbage collector comes, as a batch's tasks do."""

    def __init__(self, held: Message) -> None:
        self.held = held
        self.itself = self


def test_large_messages_that_were_let_go_of_do_not_wait_for_the_collector() -> None:
    flight = InFlight(most_events=1000, most_bytes=200_000, longest_s=60)
    cycles: list[weakref.ref[Cycle]] = []

    def come_and_go(size: int) -> None:
        one = message(len(cycles), size)
        cycles.append(weakref.ref(Cycle(one)))
        flight.add([one], time.monotonic() + 30)
        flight.remove([one])

    gc.disable()  # it looks after thousands of objects have come
    try:
        for _ in range(30):
            come_and_go(50_000)
        assert sum(cycle() is not None for cycle in cycles) <= 3
        for _ in range(30):
            come_and_go(10_000)
        assert sum(cycle() is not None for cycle in cycles) >= 30
    finally:
        gc.enable()


async def test_nothing_more_is_received_while_the_oldest_waits_for_long() -> None:
    flight = InFlight(most_events=1000, most_bytes=1000, longest_s=0)
    first, second = message(1), message(2)
    flight.add([first, second], time.monotonic() + 30)

    async def is_full() -> bool:
        return flight.is_full

    await until(is_full, within_s=1, every_s=0.001)
    room = asyncio.create_task(flight.wait_for_room())
    flight.remove([first])
    await asyncio.sleep(0)
    assert flight.is_full
    assert not room.done()
    flight.remove([second])
    async with asyncio.timeout(1):
        await room


async def test_a_long_poll_of_an_idle_queue_is_not_stuck_and_one_without_an_end_is(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    receiving = Receiving(running.bridge)

    async def is_behind() -> bool:
        return receiving.is_behind()

    async def is_asking() -> bool:
        return running.queue.receiving == 1 and not receiving.is_behind()

    running.queue.polls_end.clear()
    await until(is_asking, within_s=5)
    before = receiving.progress()

    async def is_answered() -> bool:
        return receiving.progress() != before

    monkeypatch.setattr(sqs_bridge, "_ANSWER_S", -running.settings.poll_s)  # the next one is late at once
    running.queue.polls_end.set()
    await until(is_answered, within_s=5)
    running.queue.polls_end.clear()
    await until(is_behind, within_s=5)
    running.queue.polls_end.set()
