"""A store that is slow, throttled or away for a part of a batch: what is stored stays stored, and the rest goes on."""

import asyncio
import itertools
import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import pytest
from prometheus_client import CollectorRegistry

from pipeline.core.errors import QueueUnavailable, Rejected, StoreUnavailable
from pipeline.core.settings.process import TraceSettings
from pipeline.events.delivery import Arrival, Attribute, Delivery
from pipeline.telemetry.metrics import WayMetrics
from pipeline.telemetry.tracing import Tracing
from streams import intake as intakes
from streams import pace
from streams.batch_state import BatchState, Refused
from streams.intake import Intake, Interrupted
from streams.store import PartlyStored, Stored
from tests.support.waiting import until


def arrivals(count: int, size: int = 0) -> list[Arrival]:
    return [
        Arrival(
            body=b'{"specversion": "1.0", "id": "%d", "source": "urn:test", "type": "t", "data": "%b"}'
            % (number, b"x" * size),
            via="sqs",
            origin={},
            first_seen="2026-11-23T15:00:00Z",
        )
        for number in range(count)
    ]


_NO_PAUSE_PER_S = 10_000
"""From here on a pause would be shorter than a turn of the loop."""


class SlowStore:
    """Writes one item after the other, `items_per_s` of all calls together; a call that is cut leaves what it wrote."""

    name = "dynamodb"

    def __init__(self, items_per_s: float, *, call_events: int = 25, calls: int = 8) -> None:
        self.items_per_s = items_per_s
        self.call_events = call_events
        self.calls = calls
        self.written: Counter[str] = Counter()
        self.largest_bytes = 0
        self._turn = asyncio.Lock()

    async def store(self, deliveries: Sequence[Delivery]) -> Stored:
        assert len(deliveries) <= self.call_events
        self.largest_bytes = max(self.largest_bytes, sum(len(each.arrival.body) for each in deliveries))
        for delivery in deliveries:
            async with self._turn:
                if self.items_per_s < _NO_PAUSE_PER_S:
                    await asyncio.sleep(1 / self.items_per_s)
                self.written[delivery.event.id] += 1
        return Stored(new=list(deliveries))

    async def ping(self) -> None: ...

    async def close(self) -> None: ...


class FailingStore(SlowStore):
    """Fails as the next of `errors` says, of which each gets the deliveries; then it stores."""

    def __init__(self, *errors: Callable[[Sequence[Delivery]], Exception]) -> None:
        super().__init__(10_000)
        self.errors = list(errors)

    async def store(self, deliveries: Sequence[Delivery]) -> Stored:
        if self.errors:
            error = self.errors.pop(0)(deliveries)
            if isinstance(error, PartlyStored):
                self.written.update(each.event.id for each in error.stored.new)
            raise error
        return await super().store(deliveries)


def intake_of(store: Any, write: Any = None, timeout_s: float = 20) -> tuple[Intake, WayMetrics]:
    async def no_letters(_: object) -> None:
        raise AssertionError

    metrics = WayMetrics(CollectorRegistry(), "dynamodb", ("sqs",))
    tracing = Tracing("service-c", TraceSettings())
    return Intake("service-c", store, write or no_letters, metrics, tracing, timeout_s=timeout_s), metrics


@pytest.mark.parametrize(
    ("items_per_s", "events"),
    [
        # What a deadline of 0.5 s lets through is less than a batch: 12, 50 and 100 items.
        (24, 36),
        (100, 150),
        (200, 300),
        pytest.param(1, 60, marks=[pytest.mark.long, pytest.mark.timeout(300)]),
        pytest.param(10, 500, marks=[pytest.mark.long, pytest.mark.timeout(300)]),
        pytest.param(24, 500, marks=[pytest.mark.long, pytest.mark.timeout(300)]),
    ],
)
async def test_a_batch_settles_at_any_rate(items_per_s: float, events: int) -> None:
    store = SlowStore(items_per_s)
    is_long = events / items_per_s > 10
    intake, metrics = intake_of(store, timeout_s=20 if is_long else 0.5)
    begun = time.monotonic()
    async with asyncio.timeout(2 * events / items_per_s + 5):
        await intake.settle(arrivals(events), lambda: False)
    assert len(store.written) == events
    assert max(store.written.values()) <= 2
    assert metrics.stored["sqs", "stored"].value == events
    assert intake.outage is None
    assert time.monotonic() - begun >= events / items_per_s * 0.9


@pytest.mark.parametrize("calls", [1, 8])
async def test_a_store_that_slows_down_gets_smaller_calls_and_larger_ones_when_it_is_fast_again(
    calls: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pace, "_SLOW_S", 0.5)
    store = SlowStore(100_000, calls=calls)
    intake, _ = intake_of(store)
    await intake.settle(arrivals(1000), lambda: False)
    assert intake._window.events == 25 * calls
    store.items_per_s = 100
    slow = asyncio.create_task(intake.settle(arrivals(400), lambda: False))

    async def is_small() -> bool:
        return intake._window.events < 60

    await until(is_small, within_s=30)
    store.items_per_s = 100_000
    await slow
    for _ in range(12):
        await intake.settle(arrivals(500), lambda: False)
    assert intake._window.events == 25 * calls


async def test_what_was_stored_is_released_while_the_rest_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intakes, "_RELEASE_S", intakes._RELEASE_S / 4)
    store = SlowStore(40)
    intake, _ = intake_of(store)
    released: list[tuple[float, Sequence[int]]] = []

    async def release(positions: Sequence[int]) -> None:
        released.append((time.monotonic(), positions))

    begun = time.monotonic()
    await intake.settle(arrivals(60), lambda: False, release)
    moments = [begun, *(moment for moment, _ in released), time.monotonic()]
    assert len(released) >= 2
    assert max(later - earlier for earlier, later in itertools.pairwise(moments)) < 1
    positions = [position for _, part in released for position in part]
    assert len(positions) == len(set(positions))


async def test_the_next_try_takes_what_the_last_one_left() -> None:
    def half(deliveries: Sequence[Delivery]) -> Exception:
        return PartlyStored(Stored(new=list(deliveries[::2])), "throttled")

    store = FailingStore(half, half, lambda _: StoreUnavailable("away"), half)
    intake, metrics = intake_of(store)
    await intake.settle(arrivals(40), lambda: False)
    assert dict(store.written) == {str(number): 1 for number in range(40)}
    assert metrics.stored["sqs", "stored"].value == 40
    assert metrics.stored["sqs", "duplicate"].value == 0


async def test_a_dead_letter_that_waits_for_its_queue_does_not_store_the_others_again() -> None:
    store = SlowStore(10_000)
    tries: list[int] = []

    async def write(envelope: bytes) -> None:
        tries.append(envelope.count(b'"reason":"malformed"'))
        if len(tries) < 3:
            raise StoreUnavailable("away")

    intake, metrics = intake_of(store, write)
    batch = arrivals(40)
    batch.insert(7, Arrival(b"{", "sqs", {}, first_seen="2026-11-23T15:00:00Z"))
    await intake.settle(batch, lambda: False)
    assert tries == [1, 1, 1]
    assert dict(store.written) == {str(number): 1 for number in range(40)}
    assert metrics.stored["sqs", "stored"].value == 40
    assert metrics.stored["sqs", "duplicate"].value == 0
    assert metrics.dead_letters.labels("sqs", "malformed").value == 1


async def test_what_is_stored_when_the_worker_has_to_end_is_released() -> None:
    store = SlowStore(20, calls=1)
    intake, _ = intake_of(store)
    released: list[int] = []

    async def release(positions: Sequence[int]) -> None:
        released.extend(positions)

    asyncio.get_running_loop().call_later(0.6, intake.give_up)
    begun = time.monotonic()
    with pytest.raises(Interrupted):
        await intake.settle(arrivals(500), lambda: True, release)
    assert time.monotonic() - begun < 2
    assert released
    assert {str(position) for position in released} <= store.written.keys()


async def test_a_call_has_few_bytes() -> None:
    store = SlowStore(10_000)
    intake, _ = intake_of(store)
    await intake.settle(arrivals(60, size=200_000), lambda: False)
    assert 0 < store.largest_bytes <= 2**20


@pytest.mark.parametrize(
    ("changes", "calls"),
    [
        ({}, [25, 15]),
        ({"body": b"{" * 300_000}, [3] * 13 + [1]),
        ({"headers": [("h", b"")] * 10_000}, [3] * 13 + [1]),
        ({"attributes": {"a": Attribute("Binary", binary=b"x" * 2_000_000)}}, [1] * 40),
    ],
    ids=["small", "bodies", "headers", "attributes"],
)
def test_a_call_with_letters_has_few_bytes(changes: dict[str, Any], calls: list[int]) -> None:
    bad = Arrival(b"{", "sqs", {}, first_seen="2026-11-23T15:00:00Z")
    batch = BatchState([msgspec.structs.replace(bad, **changes) for _ in range(40)])
    batch.letters = [Refused(arrival, Rejected("malformed", "")) for arrival in batch.waiting[0]]
    sizes = []
    while batch.letters:
        sizes.append(len(batch.next_letters()))
    assert sizes == calls


class SlowLetters:
    """Keeps `per_s` letters a second, one after the other, or refuses each of a share now."""

    def __init__(self, per_s: float = 10_000, refused: float = 0) -> None:
        self._per_s = per_s
        self._refused = refused
        self._random = random.Random(3)
        self._turn = asyncio.Lock()
        self.kept: list[bytes] = []

    async def write(self, envelope: bytes) -> None:
        async with self._turn:
            await asyncio.sleep(1 / self._per_s)
            if self._random.random() < self._refused:
                raise QueueUnavailable("RequestThrottled")
            self.kept.append(envelope)


@pytest.mark.parametrize("letters", [SlowLetters(per_s=50), SlowLetters(refused=0.5)], ids=["slow", "throttled"])
async def test_letters_are_written_at_any_rate_and_none_again_and_again(letters: SlowLetters) -> None:
    intake, metrics = intake_of(SlowStore(10_000), letters.write, timeout_s=0.2)  # 10 letters of a call of 25
    bad = [Arrival(b"{%d" % number, "sqs", {}, first_seen="2026-11-23T15:00:00Z") for number in range(40)]
    async with asyncio.timeout(20):
        await intake.settle([*bad[:20], *arrivals(20), *bad[20:]], lambda: False)
    assert len(set(letters.kept)) == 40
    assert len(letters.kept) == 40
    assert metrics.dead_letters.labels("sqs", "malformed").value == 40
    assert metrics.stored["sqs", "stored"].value == 20
