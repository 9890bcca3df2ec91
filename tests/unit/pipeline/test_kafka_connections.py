"""What a request says whose connection the broker has reset."""

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import uvloop
from aiokafka import conn
from aiokafka.errors import KafkaConnectionError
from aiokafka.protocol.admin import ApiVersionRequest

from pipeline.clients import kafka
from pipeline.clients.kafka_connections import BrokerConnection
from pipeline.core.settings.kafka import KafkaSettings

Send = Callable[[BrokerConnection], Awaitable[Any]]
RESET_AT_CLOSE = struct.pack("ii", 1, 0)


def _request(connection: BrokerConnection) -> Awaitable[Any]:
    return connection.send(ApiVersionRequest())


def _sasl_token(connection: BrokerConnection) -> Awaitable[Any]:
    return connection._send_sasl_token(b"token")


async def _ended_by_a_reset(send: Send) -> list[Any]:
    """How each of the requests ends that are sent, one in each turn of the loop, until none can be: that one first."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        connection = BrokerConnection(*server.getsockname(), request_timeout_ms=10_000)
        connecting = asyncio.create_task(connection.connect())
        loop, requests = asyncio.get_running_loop(), []
        accepted, _ = await loop.sock_accept(server)
        await loop.sock_recv(accepted, 1)
        accepted.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_AT_CLOSE)
        accepted.close()
        end = loop.time() + 10
        try:
            while loop.time() < end:
                requests.append(asyncio.ensure_future(send(connection)))
                await asyncio.sleep(0)
        except KafkaConnectionError as error:
            return [error, *await asyncio.gather(connecting, *requests, return_exceptions=True)]
        raise AssertionError("the connection outlived its reset")


@pytest.mark.parametrize("send", [_request, _sasl_token])
@pytest.mark.parametrize(
    ("new_loop", "cause"), [(asyncio.new_event_loop, type(None)), (uvloop.new_event_loop, RuntimeError)]
)
def test_each_request_of_a_connection_that_is_reset_ends_by_one_kind_of_error(
    new_loop: Callable[[], asyncio.AbstractEventLoop], cause: type, send: Send
) -> None:
    with asyncio.Runner(loop_factory=new_loop) as runner:
        ends = runner.run(_ended_by_a_reset(send))
    assert len(ends) > 2
    assert {type(end) for end in ends} == {KafkaConnectionError}
    assert type(ends[0].__cause__) is cause


def test_every_client_of_the_process_has_such_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conn, "AIOKafkaConnection", BrokerConnection.__base__)
    kafka.connection(KafkaSettings())
    assert conn.AIOKafkaConnection is BrokerConnection
