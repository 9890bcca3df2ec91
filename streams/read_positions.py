"""Read positions of the consumer, so that it commits past records that hold nothing to read.

Kafka counts offsets that no consumer is ever given: the markers of transactions, records of
aborted ones, records that expired or were deleted. Faust commits up to the last record that was
acknowledged, and all behind it would count as lag for ever. A consumer commits its position, as
Java's does: here the position is committed once every record before it has been.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from aiokafka import AIOKafkaConsumer
from faust.exceptions import ConsumerNotStarted
from faust.types import TP

from streams.eager_transport import EagerConsumer, EagerTransport, EndingThread
from streams.fetch_spacing import FetchSpacing


class ReadPositions:
    """By partition, the offsets from behind the last record that was read up to the position: nothing is there.

    This is true of the log, whoever has the partition: it need not be forgotten in a rebalance.
    """

    def __init__(self) -> None:
        self._empty: dict[TP, range] = {}
        self._first: dict[TP, int] = {}

    def note(self, tp: TP, position: int, records: Sequence[Any], committed: int | None) -> None:
        """After a fetch that gave `records` the next one begins at `position`."""
        self._first.setdefault(tp, records[0].offset if records else position)
        known = self._empty.get(tp)
        if records:
            start = records[-1].offset + 1
        elif known is not None and known.stop <= position:
            start = known.start
        else:
            start = min(position, position if committed is None else committed)
        self._empty[tp] = range(start, position)

    def reached(self, tp: TP, committed: int | None) -> int | None:
        """The offset before which nothing is left to read and to commit, for a group that has `committed`.

        None where it has committed nothing and nothing was read yet.
        """
        done = self._first.get(tp) if committed is None else committed
        empty = self._empty.get(tp, range(0))
        return empty.stop if done in empty else done

    def passed(self, committed: Mapping[TP, int | None]) -> dict[TP, int]:
        """What can be committed beyond `committed`."""
        found = {tp: self.reached(tp, offset) for tp, offset in committed.items()}
        first = {tp: self._first.get(tp) if offset is None else offset for tp, offset in committed.items()}
        return {tp: offset for tp, offset in found.items() if offset is not None and offset != first[tp]}


class PositionConsumer(EagerConsumer):
    """Commits its positions; it reads what is committed."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.positions = ReadPositions()

    def reached(self) -> dict[TP, int | None]:
        """By partition that is assigned, the offset before which everything is read and committed."""
        return {tp: self.positions.reached(tp, committed) for tp, committed in self._committed().items()}

    async def force_commit(self, topics: Any = None, start_new_transaction: bool = True) -> bool:
        """As the base class does, and then what was passed over."""
        did_commit = await super().force_commit(topics, start_new_transaction)
        if passed := self.positions.passed(self._committed()):
            did_commit = await self._commit_offsets(passed, start_new_transaction)
        return bool(did_commit)

    def _committed(self) -> dict[TP, int | None]:
        try:
            assigned = self.assignment()
        except ConsumerNotStarted:
            return {}
        return {tp: self._committed_offset.get(tp) for tp in assigned}

    def _new_consumer_thread(self) -> "PositionThread":
        return PositionThread(self, loop=self.loop, beacon=self.beacon)


class PositionThread(EndingThread):
    """Notes the position after each fetch, and leaves time between those that bring little."""

    consumer: PositionConsumer
    _spacing: FetchSpacing

    async def on_start(self) -> None:
        """Start the consumer."""
        await super().on_start()
        self._spacing = FetchSpacing(self._ensure_consumer()._fetcher)

    def highwater(self, tp: TP) -> int | None:
        """The end of what can be read: behind it are transactions that are not over."""
        end: int | None = self._ensure_consumer().last_stable_offset(tp)
        return end

    def _create_worker_consumer(self, transport: Any) -> AIOKafkaConsumer:
        consumer = super()._create_worker_consumer(transport)
        consumer._isolation_level = "read_committed"  # Faust sets it only together with a producer of transactions
        return consumer

    async def _fetch_records(self, consumer: Any, *args: Any, **options: Any) -> Any:
        fetched = await super()._fetch_records(consumer, *args, **options)
        self._spacing.handed_over(sum(map(len, fetched.values())))
        assignment = consumer._subscription.subscription and consumer._subscription.subscription.assignment
        for tp in assignment.tps if assignment else ():
            state = assignment.state_value(tp)
            if state.has_valid_position:
                committed = self.consumer._committed_offset.get(tp)
                self.consumer.positions.note(TP(*tp), state.position, fetched.get(tp, ()), committed)
        return fetched


class PositionTransport(EagerTransport):
    """The transport of a PositionConsumer."""

    Consumer = PositionConsumer
