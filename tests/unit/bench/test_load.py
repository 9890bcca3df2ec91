"""The load generator, on a real server: what it counts, and from when it counts latency."""

import asyncio
import json
import re
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from bench.load.connection import Connection
from bench.load.generator import Generator
from bench.load.pace import OpenLoop
from bench.load.plan import Outcome, Plan

Answer = Callable[[bytes, asyncio.StreamWriter], Awaitable[None]]
ACCEPTED = b"HTTP/1.1 202 \r\ncontent-length: 2\r\n\r\n{}"


class Nowhere(asyncio.Transport):
    """A transport whose bytes go nowhere; it tells that there were some."""

    def __init__(self, written: asyncio.Event) -> None:
        super().__init__()
        self._written = written

    def write(self, data: object) -> None:
        self._written.set()


@asynccontextmanager
async def server(answer: Answer) -> AsyncGenerator[int, None]:
    """A server that hands each body to `answer`; its port."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = re.search(rb"(?i)content-length: (\d+)", head)
                assert length
                await answer(await reader.readexactly(int(length[1])), writer)
        except (asyncio.IncompleteReadError, ConnectionResetError):
            pass
        finally:
            writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    yield listening.sockets[0].getsockname()[1]
    listening.close()  # without a wait: from Python 3.12 on it would wait for every connection's end


async def accept_once(_: bytes, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 202 \r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
    writer.close()


async def load(answer: Answer, *, connections: int = 4, rate_per_s: float | None = None) -> Outcome:
    async with server(answer) as port:
        plan = Plan(
            host="127.0.0.1",
            port=port,
            connections=connections,
            warm_up_s=0.1,
            measure_s=0.4,
            watched={},
            rate_per_s=rate_per_s,
        )
        return await Generator(plan).run()


async def test_every_answer_is_counted_and_every_event_has_its_own_id() -> None:
    ids: list[str] = []

    async def accept(body: bytes, writer: asyncio.StreamWriter) -> None:
        ids.append(json.loads(body)["id"])
        writer.write(ACCEPTED)

    outcome = await load(accept)
    assert outcome.sent == outcome.accepted == len(ids) == len(set(ids)) > 10
    assert (outcome.refused, outcome.unanswered) == ({}, 0)
    assert 0 < outcome.events < outcome.accepted
    assert outcome.seconds == pytest.approx(0.4, abs=0.2)
    latencies = [outcome.latency_ms[name] for name in ("p50_ms", "p99_ms", "p999_ms", "longest_ms")]
    assert latencies[0] > 0
    assert latencies == sorted(latencies)


async def test_refusals_are_counted_by_status() -> None:
    async def refuse(_: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n")

    outcome = await load(refuse)
    assert outcome.refused == {503: outcome.sent}
    assert outcome.accepted == 0
    assert outcome.latency_ms == {}


async def test_a_connection_that_the_server_closes_with_an_answer_is_opened_anew() -> None:
    outcome = await load(accept_once, connections=2)
    assert outcome.accepted == outcome.sent > 4
    assert outcome.unanswered == 0


async def test_what_is_late_at_the_end_is_sent_and_counted_though_the_only_connection_is_being_opened() -> None:
    outcome = await load(accept_once, connections=1, rate_per_s=2000)  # more than it can
    assert outcome.accepted == outcome.sent > 800
    assert outcome.unanswered == 0


async def test_a_connection_that_ends_without_an_answer_leaves_its_event_unanswered() -> None:
    async def hang_up(_: bytes, writer: asyncio.StreamWriter) -> None:
        writer.close()

    outcome = await load(hang_up, connections=2)
    assert outcome.unanswered == outcome.sent > 2


async def test_an_open_loop_keeps_its_rate() -> None:
    async def accept(_: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(ACCEPTED)

    outcome = await load(accept, rate_per_s=100)
    assert outcome.sent == outcome.accepted == pytest.approx(50, abs=15)


async def test_a_connection_that_the_server_closes_while_it_is_free_gets_no_event() -> None:
    async def accept_and_close(_: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(ACCEPTED)
        writer.close()

    outcome = await load(accept_and_close, connections=32, rate_per_s=100)  # each is free for long enough
    assert outcome.sent == outcome.accepted > 10


async def test_an_open_loop_leaves_out_a_connection_that_was_lost() -> None:
    pace = OpenLoop(iter([b"1", b"2"]), rate_per_s=50)
    sent = asyncio.Event()
    first, second = (Connection(lambda _: None, lambda *_: None, lambda _: None) for _ in range(2))
    for connection in (first, second):
        connection.connection_made(Nowhere(sent))
    pace.ready(first)
    first.data_received(ACCEPTED)
    pace.ready(first)
    pace.lost(first)
    sent.clear()
    pace.ready(second)
    async with asyncio.timeout(5):
        await sent.wait()
    pace.end()
    assert second.is_waiting
    assert not first.is_waiting


async def test_connections_take_turns() -> None:
    ports: list[int] = []

    async def accept(_: bytes, writer: asyncio.StreamWriter) -> None:
        ports.append(writer.get_extra_info("peername")[1])
        writer.write(ACCEPTED)

    await load(accept, connections=4, rate_per_s=100)
    assert min(ports.count(port) for port in set(ports)) > len(ports) / 8
    assert len(set(ports)) == 4


async def test_a_stall_counts_for_every_event_that_was_due_in_it() -> None:
    """Coordinated omission: without it, only the one event under way would be slow."""
    answered = 0

    async def stall_once(_: bytes, writer: asyncio.StreamWriter) -> None:
        nonlocal answered
        answered += 1
        if answered == 20:
            await asyncio.sleep(0.3)
        writer.write(ACCEPTED)

    outcome = await load(stall_once, connections=1, rate_per_s=100)
    assert outcome.latency_ms["longest_ms"] > 250
    assert outcome.latency_ms["p50_ms"] > 20


def test_an_answer_may_come_in_any_pieces() -> None:
    answered: list[tuple[int, float]] = []
    connection = Connection(
        ready=lambda _: None, answered=lambda status, due_at: answered.append((status, due_at)), lost=lambda _: None
    )
    connection.connection_made(Nowhere(asyncio.Event()))
    for due_at in (1.0, 2.0):
        connection.send(b"", due_at)
        for byte in ACCEPTED[:-1]:
            connection.data_received(bytes([byte]))
        assert connection.is_waiting
        connection.data_received(ACCEPTED[-1:])
        assert not connection.is_waiting
    assert answered == [(202, 1.0), (202, 2.0)]


async def test_a_server_that_is_not_there_is_an_error() -> None:
    async with server(lambda *_: asyncio.sleep(0)) as port:
        plan = Plan(host="127.0.0.1", port=port, connections=1, warm_up_s=1, measure_s=1, watched={})
    with pytest.raises(ExceptionGroup) as caught:
        await Generator(plan).run()
    assert caught.group_contains(ConnectionRefusedError)
