"""How an intake ends while its store hangs."""

import asyncio

import pytest
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from pipeline.core.settings.process import TraceSettings
from pipeline.events.delivery import Arrival
from pipeline.telemetry.metrics import WayMetrics
from pipeline.telemetry.tracing import Tracing
from streams.intake import Intake, Interrupted
from streams.pages import missing
from streams.store import Stored
from streams.writable_store import WritableStore
from tests.support.waiting import until

ARRIVAL = Arrival(
    body=b'{"specversion": "1.0", "id": "1", "source": "urn:test", "type": "t"}',
    via="sqs",
    origin={},
    first_seen="2026-11-23T15:00:00Z",
)


class HangingStore:
    """A store that never answers."""

    name = "postgres"
    call_events = 500
    calls = 1

    def __init__(self) -> None:
        self.asked = 0

    async def store(self, deliveries: object) -> Stored:
        self.asked += 1
        await asyncio.Event().wait()
        raise AssertionError

    async def ping(self) -> None: ...

    async def close(self) -> None: ...


async def test_a_worker_that_has_to_end_begins_no_other_batch() -> None:
    """Each batch that waits behind the one that was cut would take a whole try's time, and a stop has 10 s."""
    store = HangingStore()
    metrics = WayMetrics(CollectorRegistry(), "postgres", ("sqs",))
    intake = Intake("service-b", store, _no_letters, metrics, Tracing("service-b", TraceSettings()), timeout_s=60)
    asyncio.get_running_loop().call_later(0.05, intake.give_up)
    async with asyncio.timeout(5):
        for _ in range(3):
            with pytest.raises(Interrupted):
                await intake.settle([ARRIVAL], lambda: True)
    assert store.asked == 1


async def test_a_batch_that_its_store_holds_up_names_the_store() -> None:
    metrics = WayMetrics(CollectorRegistry(), "postgres", ("sqs",))
    tracing = Tracing("service-b", TraceSettings())
    intake = Intake("service-b", HangingStore(), _no_letters, metrics, tracing, timeout_s=0.01)
    with capture_logs() as lines, pytest.raises(Interrupted):
        await intake.settle([ARRIVAL], lambda: True)
    assert [line["error"] for line in lines] == ["TimeoutError: postgres: not settled in time"]


async def test_a_worker_whose_store_takes_no_write_is_not_ready_whatever_the_store_answers_to_a_ping() -> None:
    metrics = WayMetrics(CollectorRegistry(), "postgres", ("sqs",))
    tracing = Tracing("service-b", TraceSettings())
    store = HangingStore()
    intake = Intake("service-b", store, _no_letters, metrics, tracing, timeout_s=0.01)
    writable = WritableStore(store, [intake])
    await writable.ping()
    settling = asyncio.create_task(intake.settle([ARRIVAL], lambda: False))

    async def is_not_ready() -> bool:
        return await missing([writable]) == ["postgres: TimeoutError: postgres: not settled in time"]

    await until(is_not_ready, within_s=5, every_s=0.01)
    intake.give_up()
    with pytest.raises(Interrupted):
        await settling
    await writable.ping()


async def test_a_call_that_may_still_be_answered_is_what_keeps_a_batch_from_moving() -> None:
    """For the watch: a store that takes 20 s for a call is slow, and its worker is not stuck."""
    metrics = WayMetrics(CollectorRegistry(), "postgres", ("sqs",))
    intake = Intake(
        "service-b", HangingStore(), _no_letters, metrics, Tracing("service-b", TraceSettings()), timeout_s=60
    )
    assert intake.obstacle is None
    settling = asyncio.create_task(intake.settle([ARRIVAL], lambda: True))

    async def is_asking() -> bool:
        return intake.obstacle == "a call to postgres is under way"

    await until(is_asking, within_s=5)
    intake.give_up()
    with pytest.raises(Interrupted):
        await settling
    assert intake.obstacle is None


async def _no_letters(envelope: object) -> None:
    raise AssertionError
