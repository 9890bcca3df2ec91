"""The agent that settles the Kafka topic.

The order of things here is what loses nothing with Faust 0.15:
- acknowledge by hand, in order, one batch after the other, with concurrency 1: the
  commit lets a gap of one record through;
- never let an exception leave the body: a raising agent acknowledges what it held;
- raw bytes, decoded in the body: an undecodable record would be acknowledged;
- give a batch back by discarding it: unacknowledged events hold up a rebalance.
"""

from collections.abc import Sequence
from typing import Any

import faust

from pipeline.clients.kafka_records import Undecodable
from pipeline.core.clock import seen_at
from pipeline.core.settings.workers import WorkerSettings
from pipeline.events.delivery import Arrival, healing
from pipeline.events.metadata import Metadata
from pipeline.events.receipts import REPLY_TO
from streams.eager_take import EagerTake
from streams.intake import Intake, Interrupted


def add_topic_agent(app: faust.App, intake: Intake, topic_name: str, settings: WorkerSettings) -> None:
    """Give `app` the agent that settles `topic_name` in batches."""
    topic = app.topic(topic_name, key_type=bytes, key_serializer="raw", value_type=bytes, value_serializer="raw")

    def interrupted() -> bool:
        return app.should_stop or app.rebalancing or not app.flow_control.is_active()

    @app.agent(topic, name=topic_name)  # type: ignore[untyped-decorator]
    async def settle(stream: Any) -> None:
        take = EagerTake(stream, settings.batch_events, settings.batch_wait_s, intake.call_events)
        async for batch in take.batches():
            taken = _Taken(stream, batch)
            try:
                await intake.settle([_arrival(event.message) for event in batch], interrupted, taken.release)
            except Interrupted:
                for event in taken.left():
                    app.consumer.unacked.discard(event.message)
            else:
                await taken.acknowledge(len(batch))


class _Taken:
    """A batch of the stream: acknowledged in its order, as far as it is settled without a gap."""

    def __init__(self, stream: Any, events: Sequence[Any]) -> None:
        self._stream = stream
        self._events = events
        self._settled: set[int] = set()
        self._acknowledged = 0

    async def release(self, positions: Sequence[int]) -> None:
        """Acknowledge the events up to the first that is not settled."""
        self._settled.update(positions)
        end = self._acknowledged
        while end in self._settled:
            end += 1
        await self.acknowledge(end)

    async def acknowledge(self, end: int) -> None:
        """Acknowledge the events before position `end`."""
        while self._acknowledged < end:
            await self._stream.ack(self._events[self._acknowledged])
            self._acknowledged += 1

    def left(self) -> Sequence[Any]:
        """The events that were not acknowledged."""
        return self._events[self._acknowledged :]


def _arrival(message: Any) -> Arrival:
    headers = message.headers or ()
    first = dict(reversed(headers))  # where a name stands twice, the first one counts
    origin = {"topic": message.topic, "partition": message.partition, "offset": message.offset}
    origin |= healing(_text(first.get("healed_at")))
    damage = None
    if isinstance(message.value, Undecodable):
        origin["last_offset"], damage = message.value.last_offset, message.value.detail
    timestamp_ms = round(message.timestamp * 1000)
    return Arrival(
        body=bytes(message.value or b""),  # an Undecodable too: JSON encodes no subclass of bytes
        via="kafka",
        origin=origin,
        first_seen=seen_at(timestamp_ms),
        metadata=Metadata.of(lambda name: _text(first.get(name))),
        reply_to=_text(first.get(REPLY_TO)),
        key=message.key,
        headers=headers,
        timestamp_ms=timestamp_ms,
        is_null=message.value is None,
        damage=damage,
    )


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode(errors="replace")
