"""Faust's Kafka transport, with the delivery of a message tried before it is waited for, and a stop that ends.

Faust 0.15.3 makes four tasks a message to wait for the delivery or for a rebalance,
whichever comes first: half of what a message costs. A delivery that ends at once, as
nearly all do, needs none of them. docs/decisions/0003 has the measurement.

Faust bounds what is delivered and not yet acknowledged by a number of messages, whatever
their size. Here it is bounded in bytes too.

aiokafka 0.14 ends its stop with a cancellation where a fetch waits to be tried again, as it does while
no broker answers; the thread that stops it then ends without a word, and Faust waits for that.
"""

import asyncio
import gc
import types
from collections.abc import AsyncIterator, Coroutine, Generator
from contextlib import suppress
from typing import Any
from weakref import WeakSet

from faust.transport.drivers import aiokafka as driver
from mode.services import WaitResults

_LOOK_S = 0.05
"""How often the consumer looks whether there is room again: half of the bound lasts longer at any rate."""
_LOOKS_A_COLLECTION = 40
_FEW_HEADERS = 100
_HEADER_BYTES = 80
"""What a header takes besides its name and value: a record of 1 MiB can have half a million empty ones."""


class EagerConsumer(driver.Consumer):  # type: ignore[misc]
    """Delivers at once where that needs no waiting, and no more than `transport.most_bytes` at a time."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._delivered: WeakSet[Any] = WeakSet()
        self._held_bytes = 0

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[Any, Any]]:  # noqa: ASYNC109 - the base class's
        """As the base class does; waits where the messages that are not yet acknowledged have too many bytes."""
        async for partition, message in super().getmany(timeout):
            self._held_bytes += _size(message)
            if self._held_bytes >= self.transport.most_bytes:
                generation = self.app.consumer_generation_id
                await self._wait_for_room()
                # As the base class does: what was fetched before a rebalance is fetched again after it.
                if not self.flow_active or self.app.consumer_generation_id != generation:
                    return
            self._delivered.add(message)
            yield partition, message

    async def _wait_for_room(self) -> None:
        """Wait until half of the bound is free, or the partitions are to be given up.

        What is held is counted anew here, and only here: a message is let go of in more ways than by
        its acknowledgement, a rebalance for one, and none of them tells.
        """
        self._count()
        if self._held_bytes < self.transport.most_bytes * 3 / 4:
            return
        looks = 0
        while self._held_bytes >= self.transport.most_bytes / 2 and not (
            self.suspend_flow.is_set() or self.should_stop
        ):
            await self.sleep(_LOOK_S)
            looks += 1
            if looks % _LOOKS_A_COLLECTION == 0:
                gc.collect()  # while nothing is delivered, nothing else frees what a cycle holds
            self._count()

    def _count(self) -> None:
        """Count all that was delivered: Faust's own set has a message from when its stream takes it from the queue.

        What is acknowledged and still there is held by cycles: large messages are so few objects that the
        collector would not come for hundreds of them.
        """
        sizes = [(message.acked, _size(message)) for message in self._delivered]
        if sum(size for acked, size in sizes if acked) >= self.transport.most_bytes / 2:
            gc.collect()
        self._held_bytes = sum(size for acked, size in sizes if not acked)

    async def wait_first(self, *coros: Any, timeout: Any = None) -> WaitResults:  # noqa: ASYNC109 - the base class's
        """As the base class does; called for each message with its delivery and the wait for a rebalance."""
        is_delivery = len(coros) == 2 and timeout is None and asyncio.iscoroutine(coros[0])
        if not is_delivery or self.suspend_flow.is_set():
            return await super().wait_first(*coros, timeout=timeout)
        delivery, suspended = coros
        try:
            awaited = delivery.send(None)
        except StopIteration as done:
            suspended.close()
            return WaitResults([delivery], [done.value], self.should_stop)
        return await super().wait_first(_rest(delivery, awaited), suspended)

    def _new_consumer_thread(self) -> driver.AIOKafkaConsumerThread:
        return EndingThread(self, loop=self.loop, beacon=self.beacon)


class EndingThread(driver.AIOKafkaConsumerThread):  # type: ignore[misc]
    """Says that it has ended also where no broker answers."""

    async def on_thread_stop(self) -> None:
        """Stop the consumer."""
        with suppress(asyncio.CancelledError):
            await super().on_thread_stop()


class EagerTransport(driver.Transport):  # type: ignore[misc]
    """The transport of an EagerConsumer, which holds `most_bytes` of messages that are not acknowledged."""

    Consumer = EagerConsumer

    def __init__(self, *args: Any, most_bytes: int, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.most_bytes = most_bytes


def _size(message: Any) -> int:
    """The bytes of a message, without what Python needs for it, but for very many headers."""
    headers = message.headers or ()
    size = len(message.value or b"") + len(message.key or b"") + _HEADER_BYTES * max(0, len(headers) - _FEW_HEADERS)
    for name, value in headers:
        size += len(name) + len(value or b"")
    return size


async def _rest(begun: Coroutine[Any, Any, Any], awaited: Any) -> Any:
    return await _resume(begun, awaited)


@types.coroutine
def _resume(begun: Coroutine[Any, Any, Any], awaited: Any) -> Generator[Any, Any, Any]:
    """Run to its end a coroutine that was begun by hand and waits for `awaited`."""
    while True:
        try:
            answer = yield awaited
        except BaseException as error:  # noqa: BLE001 - it is passed on, a cancellation too
            step: Any = begun.throw
            answer = error
        else:
            step = begun.send
        try:
            awaited = step(answer)
        except StopIteration as done:
            return done.value
