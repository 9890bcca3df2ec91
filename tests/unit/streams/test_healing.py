"""What the healers publish: the same bytes and metadata, and when it was."""

import asyncio
import json
from datetime import datetime
from typing import Any

import pytest
from aiokafka.errors import KafkaError, MessageSizeTooLargeError, RecordListTooLargeError, RequestTimedOutError
from hypothesis import given
from hypothesis import strategies as some

from pipeline.core.errors import Rejected, StoreUnavailable
from pipeline.core.settings.kafka import KafkaSettings
from pipeline.events.delivery import Arrival, Attribute, Delivery, healing
from pipeline.events.event import MAX_EVENT_BYTES, parse
from pipeline.events.metadata import Metadata
from pipeline.telemetry.counter import Counter
from pipeline.telemetry.metrics import new_registry
from streams.healing import SnsPublisher, TopicPublisher, _carried, _Message, _parts

SENT = {
    "type": "t",
    "source": "s",
    "id": "1",
    "received_at": "2026-11-23T15:24:00.123456Z",
    "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    "publisher": "olá",
}


def from_kafka(size: int = 1, **more: str) -> Delivery:
    """What the pending topic holds, with `size` bytes of data."""
    body = json.dumps({"specversion": "1.0", "id": "1", "source": "s", "type": "t", "data": "x" * size}).encode()
    headers = [("content-type", b"application/cloudevents+json"), *((n, v.encode()) for n, v in (SENT | more).items())]
    arrival = Arrival(body, "kafka", {}, SENT["received_at"], metadata=Metadata(SENT["received_at"]), headers=headers)
    return Delivery(parse(body), arrival)


def test_sns_gets_what_the_gateway_sends_and_when_it_was_healed() -> None:
    message = _Message.of(from_kafka(reply_to="r"))
    healed_at = message.carried.pop("healed_at")
    assert message.carried == SENT | {"reply_to": "r"}
    assert datetime.fromisoformat(healed_at).tzinfo
    assert healing(healed_at) == {"healed_at": healed_at}
    entry = message.entry(3)
    assert (entry["Id"], entry["Message"].encode()) == ("3", message.delivery.event.body)


def test_kafka_gets_the_attributes_without_the_mark() -> None:
    attributes = {name: Attribute("String", value) for name, value in (SENT | {"pending": "kafka"}).items()}
    arrival = Arrival(b"{}", "sqs", {}, SENT["received_at"], attributes=attributes)
    assert _carried(arrival) == SENT


def test_an_event_of_the_largest_size_is_healed_without_the_time() -> None:
    spare = MAX_EVENT_BYTES - _Message.of(from_kafka()).size_bytes
    fits, full = _Message.of(from_kafka(1 + spare)), _Message.of(from_kafka(2 + spare))
    assert fits.size_bytes == MAX_EVENT_BYTES
    assert "healed_at" in fits.carried
    assert full.carried == SENT


@given(some.lists(some.integers(0, 200_000), min_size=1, max_size=30))
def test_no_call_is_larger_than_sns_takes_and_none_is_left_out(sizes: list[int]) -> None:
    deliveries = [from_kafka(size) for size in sizes]
    parts = list(_parts(deliveries))
    assert [message.delivery for part in parts for message in part] == deliveries
    assert all(len(part) <= 10 and sum(each.size_bytes for each in part) <= MAX_EVENT_BYTES for part in parts)


def test_a_call_lasts_a_second_at_most_at_any_pace() -> None:
    count = Counter(new_registry(), "healed", "h", ()).labels()
    for pace, calls in ((1, (1, 1)), (20, (10, 20)), (10_000, (10, 100))):
        of_sns, of_kafka = SnsPublisher("arn", pace, count), TopicPublisher(KafkaSettings(), pace, count)
        assert (of_sns.call_events, of_kafka.call_events) == calls


def test_a_time_that_is_none_is_not_kept() -> None:
    assert healing(None) == healing("") == healing("yesterday") == {}


async def test_a_header_that_can_be_no_attribute_is_not_tried_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """No SNS is asked: the SDK cannot write it."""
    for name, value in (("AWS_ENDPOINT_URL", "http://127.0.0.1:1"), ("AWS_REGION", "us-east-1")):
        monkeypatch.setenv(name, value)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    publisher = SnsPublisher(
        "arn:aws:sns:us-east-1:0:events", 1000, Counter(new_registry(), "healed", "h", ()).labels()
    )
    try:
        with pytest.raises(Rejected):
            await publisher.store([from_kafka(1, **{"\udcff": "1"})])
        with pytest.raises(StoreUnavailable):
            await publisher.store([from_kafka()])
    finally:
        await publisher.close()


class Refusing:
    """A producer whose broker takes no record: it says so with `error`, at once or later."""

    def __init__(self, error: KafkaError, *, is_late: bool) -> None:
        self._error = error
        self._is_late = is_late
        self.is_stopped = False

    async def partitions_for(self, _: str) -> set[int]:
        return {0, 1}

    async def send(self, _: str, **__: Any) -> "asyncio.Future[Any]":
        if not self._is_late:
            raise self._error
        late: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        late.set_exception(self._error)
        return late

    async def stop(self) -> None:
        self.is_stopped = True


@pytest.mark.parametrize("is_late", [False, True])
@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (MessageSizeTooLargeError(), Rejected),
        (RecordListTooLargeError(), Rejected),
        (RequestTimedOutError(), StoreUnavailable),
    ],
    ids=repr,
)
async def test_what_kafka_never_takes_is_told_from_an_outage(
    error: KafkaError, outcome: type[Exception], is_late: bool
) -> None:
    publisher = TopicPublisher(KafkaSettings(), 1000, Counter(new_registry(), "healed", "h", ()).labels())
    producer: Any = Refusing(error, is_late=is_late)
    publisher._producer = producer
    with pytest.raises(outcome):
        await publisher.store([from_kafka()])
    assert producer.is_stopped
