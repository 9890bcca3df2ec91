"""Faust's Kafka transport, with the delivery of a message tried before it is waited for, and a stop that ends.

Faust 0.15.3 makes four tasks a message to wait for the delivery or for a rebalance,
whichever comes first: half of what a message costs. A delivery that ends at once, as
nearly all do, needs none of them. docs/decisions/0003 has the measurement.

aiokafka 0.14 ends its stop with a cancellation where a fetch waits to be tried again, as it does while
no broker answers; the thread that stops it then ends without a word, and Faust waits for that.
"""

import asyncio
import types
from collections.abc import Coroutine, Generator
from contextlib import suppress
from typing import Any

from faust.transport.drivers import aiokafka as driver
from mode.services import WaitResults


class EagerConsumer(driver.Consumer):  # type: ignore[misc]
    """Delivers at once where that needs no waiting."""

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
    """The transport of an EagerConsumer."""

    Consumer = EagerConsumer


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
