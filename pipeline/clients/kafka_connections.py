"""Kafka connections whose writes fail with KafkaConnectionError after a reset.

After a reset uvloop raises RuntimeError where asyncio drops what is written (aiokafka's issue 1038),
until the connection's reader has seen its end. No task of aiokafka expects it: the one that keeps
the metadata ends by it, and whoever waits for the broker's new address then waits for ever.
"""

from collections.abc import Awaitable, Iterator
from contextlib import contextmanager
from typing import Any

from aiokafka import conn
from aiokafka.errors import KafkaConnectionError


class BrokerConnection(conn.AIOKafkaConnection):  # type: ignore[misc]
    """A connection whose writes raise what aiokafka's callers expect, whichever loop it runs in."""

    def send(self, request: Any, expect_response: bool = True) -> Awaitable[Any]:
        """What `request` is answered. Raises KafkaConnectionError where the connection is broken."""
        with self._writing():
            return super().send(request, expect_response)  # type: ignore[no-any-return]

    def _send_sasl_token(self, payload: bytes, expect_response: bool = True) -> Awaitable[Any]:
        with self._writing():
            return super()._send_sasl_token(payload, expect_response)  # type: ignore[no-any-return]

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except RuntimeError as error:
            if type(error) is not RuntimeError:  # NotImplementedError: the broker has no version of the request
                raise
            self.close(reason=conn.CloseReason.CONNECTION_BROKEN, exc=error)
            raise KafkaConnectionError(f"Connection at {self.host}:{self.port} broken: {error}") from error


def use_broker_connections() -> None:
    """Make every client of this process connect as this module does; safe to repeat.

    aiokafka has no parameter for it: what connects takes the class by this name.
    """
    conn.AIOKafkaConnection = BrokerConnection
