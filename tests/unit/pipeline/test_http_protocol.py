"""The HTTP protocol of gateway and web: whatever is split, slow or endless, its bounds and its order hold."""

import asyncio
import gc
import json
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvicorn
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from uvicorn.server import ServerState

from pipeline.serving import http_protocol
from pipeline.serving.http_protocol import MAX_FIELDS, MAX_HEAD_BYTES, MAX_PIPELINED, RELEASE
from tests.support.raw_http import talk
from tests.support.waiting import until

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
CHUNKED = b"transfer-encoding: chunked\r\n\r\n"


async def echo(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """Answer with the path, the host, the names of the headers and the size of the body, after the whole body came."""
    body = b""
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return
        body += message["body"]
        if not message["more_body"]:
            break
    if scope["path"] == "/released":
        body = b""
        scope["extensions"][RELEASE]["release"]()
        while (await receive())["type"] != "http.disconnect":
            pass
        return
    if scope["path"] == "/streamed":
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
        for part in (b"a\n", b"", b"bc\n"):
            await send({"type": "http.response.body", "body": part, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})
        return
    names = [name.decode() for name, _ in scope["headers"]]
    host = dict(scope["headers"])[b"host"].decode()
    told = {"path": scope["path"], "host": host, "names": names, "body_bytes": len(body)}
    answer = json.dumps(told).encode()
    head = [(b"content-length", str(len(answer)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": head})
    await send({"type": "http.response.body", "body": answer})


class Server:
    """The protocol on a port of its own."""

    def __init__(self, max_bytes: int) -> None:
        self.refused: list[str] = []
        self.protocol = http_protocol.bounded(max_bytes, self.refused.append)
        self.address: tuple[str, int] = ("", 0)
        self.state = ServerState()

    @asynccontextmanager
    async def serving(self) -> AsyncIterator["Server"]:
        config = uvicorn.Config(echo, http=self.protocol, log_config=None, lifespan="off", ws="none")
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: self.protocol(config, self.state, {}, loop), "127.0.0.1", 0)
        async with server:
            self.address = server.sockets[0].getsockname()
            yield self

    async def holds_nothing(self) -> bool:
        return self.protocol.memory.size_bytes == 0

    async def talk(self, *pieces: bytes) -> bytes:
        """What is answered to `pieces` until the connection closes; "" where it was reset on unread bytes."""
        return await talk(self.address, *pieces)


def get(path: str, more: bytes = b"") -> bytes:
    return f"GET {path} HTTP/1.1\r\nhost: localhost\r\n".encode() + more + b"\r\n"


def post(path: str, body: bytes) -> bytes:
    head = f"POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-length: {len(body)}\r\n\r\n"
    return head.encode() + body


def chunked(path: str, *chunks: bytes, trailers: bytes = b"") -> bytes:
    parts = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks)
    head = f"POST {path} HTTP/1.1\r\nhost: localhost\r\n".encode() + CHUNKED
    return head + parts + b"0\r\n" + trailers + b"\r\n"


LAST = get("/last", b"connection: close\r\n")


def answers(received: bytes) -> list[tuple[int, dict[str, Any]]]:
    """Status and content of each response."""
    found = []
    while received:
        head, _, received = received.partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        found.append((int(head.split()[1]), json.loads(received[:length])))
        received = received[length:]
    return found


@pytest.fixture
async def server(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Server]:
    """Waits for a second at most."""
    monkeypatch.setattr(http_protocol, "HEAD_TIMEOUT_S", 0.3)
    monkeypatch.setattr(http_protocol, "BODY_TIMEOUT_S", 0.6)
    async with Server(32 * 1024**2).serving() as serving:
        yield serving


@pytest.mark.parametrize(
    ("target", "path", "host"),
    [
        ("http://other.example:81/a%20b?c", "/a b", "other.example:81"),
        ("http://other.example", "/", "other.example"),
        ("http://other.example?c=d", "/", "other.example"),
        ("HTTPS://Other.example/x//y", "/x//y", "Other.example"),
        ("//other.example/x", "//other.example/x", "localhost"),
    ],
)
async def test_an_absolute_target_names_the_host(server: Server, target: str, path: str, host: str) -> None:
    for more in (b"", b"connection: upgrade\r\nupgrade: h2c\r\n"):
        ((status, content),) = answers(await server.talk(get(target, more), get("/last", b"connection: close\r\n")))[:1]
        assert (status, content["path"], content["host"]) == (200, path, host)


async def test_an_answer_without_a_length_ends_with_the_connection_over_http_1_0(server: Server) -> None:
    """RFC 9112, section 6.1: no Transfer-Encoding to a client of HTTP/1.0."""
    for version, coding, content in (
        ("1.1", True, b"2\r\na\n\r\n3\r\nbc\n\r\n0\r\n\r\n"),
        ("1.0", False, b"a\nbc\n"),
    ):
        request = f"GET /streamed HTTP/{version}\r\nhost: localhost\r\nconnection: close\r\n\r\n"
        head, _, body = (await server.talk(request.encode())).partition(b"\r\n\r\n")
        assert (b"transfer-encoding: chunked" in head, b"connection: close" in head, body) == (coding, True, content)


async def test_an_answer_with_a_length_has_it_over_http_1_0(server: Server) -> None:
    request = b"GET /x HTTP/1.0\r\nhost: localhost\r\nconnection: keep-alive\r\n\r\n"
    ((status, content),) = answers(await server.talk(request))
    assert (status, content["path"]) == (200, "/x")


TWO = chunked("/first", b"x" * 40, b"y", trailers=b"ce-id: 1\r\n") + post("/second", b"z" * 30) + LAST


async def test_two_requests_split_at_every_point_are_answered_in_their_order() -> None:
    async with Server(32 * 1024**2).serving() as server:

        async def split(at: int) -> list[tuple[int, dict[str, Any]]]:
            return answers(await server.talk(TWO[:at], TWO[at:]))

        for begin in range(1, len(TWO), 32):
            found = await asyncio.gather(*(split(at) for at in range(begin, min(begin + 32, len(TWO)))))
            for each in found:
                assert [(status, content["path"]) for status, content in each] == [
                    (200, "/first"),
                    (200, "/second"),
                    (200, "/last"),
                ]
                assert [content["body_bytes"] for _, content in each] == [41, 30, 0]
                assert "ce-id" not in each[0][1]["names"]
    assert server.refused == []


@settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), sizes=st.lists(st.integers(0, 200_000), min_size=2, max_size=2))
async def test_large_bodies_in_any_pieces_lose_no_answer(data: st.DataObject, sizes: list[int]) -> None:
    sent = post("/first", b"a" * sizes[0]) + chunked("/second", b"b" * 7, b"b" * (sizes[1] + 1)) + LAST
    cuts = sorted(data.draw(st.lists(st.integers(0, len(sent)), max_size=6)))
    pieces = [sent[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(sent)], strict=True)]
    async with Server(32 * 1024**2).serving() as server:
        found = answers(await server.talk(*pieces))
    assert [content["body_bytes"] for _, content in found] == [sizes[0], sizes[1] + 8, 0]
    assert server.refused == []


async def test_a_body_of_over_64_kib_and_the_next_head_in_one_piece_lose_no_answer(server: Server) -> None:
    body = post("/first", b"x" * 70_000)
    found = answers(await server.talk(body[:100], body[100:] + LAST[:20], LAST[20:]))
    assert [(status, content["path"]) for status, content in found] == [(200, "/first"), (200, "/last")]


@pytest.mark.parametrize("bad", [b"nonsense\r\n\r\n", get("/x", b"a: b\r\n" * (MAX_FIELDS + 1)), b"GET /slow HT"])
@pytest.mark.parametrize("first", [get("/first"), post("/first", b"x" * 100_000)])
async def test_what_is_refused_behind_a_good_request_takes_no_answer_away(
    server: Server, first: bytes, bad: bytes
) -> None:
    found = answers(await server.talk(first + bad))
    assert found[0][0] == 200
    assert found[1][0] in (400, 408, 431)
    assert len(server.refused) == 1


@pytest.mark.parametrize(
    "endless",
    [
        [get("/x")[:-2], b"a: b\r\n" * 100_000],
        [get("/x")[:-2], b"a: " + b"y" * 600_000],
        [b"GET /" + b"y" * 600_000],
        [chunked("/x", b"z")[:-2], b"a: b\r\n" * 100_000],
        [chunked("/x", b"z")[:-2], b"a: " + b"y" * 600_000],
        [chunked("/x")[:-5], b"1;a=" + b"y" * 600_000],
        [chunked("/x")[:-5], *[b"1;a=" + b"y" * 50_000 + b"\r\nx\r\n"] * 10],
    ],
)
async def test_what_is_endless_is_refused(server: Server, endless: list[bytes]) -> None:
    assert (await server.talk(*endless))[:13] in (b"", b"HTTP/1.1 431 ")
    assert server.refused == ["head_too_large"]


async def test_chunks_of_one_byte_are_a_body_like_any_other(server: Server) -> None:
    found = answers(await server.talk(chunked("/x", *[b"x"] * 100_000) + LAST))
    assert [content["body_bytes"] for _, content in found] == [100_000, 0]


async def test_fields_up_to_the_bound_are_taken(server: Server) -> None:
    found = answers(await server.talk(get("/x", b"a: b\r\n" * (MAX_FIELDS - 2)) + LAST))
    assert [status for status, _ in found] == [200, 200]


async def test_a_head_has_its_own_time_after_a_body_that_had_more(server: Server) -> None:
    """The deadline of a body is later than that of the head behind it, which is not to wait for it."""
    began = asyncio.get_running_loop().time()
    body = post("/first", b"xx")
    await server.talk(body[:-1], body[-1:] + b"GET /")
    assert asyncio.get_running_loop().time() - began < 2.5 * http_protocol.HEAD_TIMEOUT_S
    assert server.refused == ["timeout"]


async def test_requests_that_wait_for_their_turn_are_bounded(server: Server) -> None:
    found = answers(await server.talk(get("/x") * (2 * MAX_PIPELINED)))
    assert [status for status, _ in found[-2:]] == [200, 503]
    assert 0 < len(found) <= MAX_PIPELINED + 2
    assert server.refused == ["overloaded"]


async def test_what_all_connections_hold_is_bounded_and_given_back() -> None:
    async with Server(MAX_HEAD_BYTES).serving() as server:
        held = [await asyncio.open_connection(*server.address) for _ in range(3)]
        for _, writer in held:
            writer.write(post("/x", b"y" * 25_000)[:-1])
        refused = await asyncio.wait_for(_first_answer([reader for reader, _ in held]), 5)
        assert refused.startswith(b"HTTP/1.1 503 ")
        assert b"retry-after" in refused
        for _, writer in held:
            writer.close()
        await until(server.holds_nothing, within_s=5)
        assert [status for status, _ in answers(await server.talk(LAST))] == [200]
        assert server.refused == ["overloaded"]
        await until(server.holds_nothing, within_s=5)


async def _first_answer(readers: list[asyncio.StreamReader]) -> bytes:
    reads = [asyncio.create_task(reader.read(1000)) for reader in readers]
    done, pending = await asyncio.wait(reads, return_when=asyncio.FIRST_COMPLETED)
    for each in pending:
        each.cancel()
    return next(iter(done)).result()


async def test_a_request_that_waits_without_its_body_holds_its_head_alone() -> None:
    size = 100_000
    async with Server(3 * size).serving() as server:
        connections = []
        for number in range(1, 9):  # all bodies at once would be too much
            _, writer = await asyncio.open_connection(*server.address)
            connections.append(writer)
            writer.write(post("/released", b"x" * size))

            async def is_released(number: int = number) -> bool:
                held = server.protocol.memory.size_bytes
                return len(server.state.connections) == number and 0 < held < 8 * 4096

            await until(is_released, within_s=5)
        assert not server.refused
        for writer in connections:
            writer.close()
        await until(server.holds_nothing, within_s=5)


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"GET / HTTP/1.1\r\n",
        b"GET / HTTP/1.1\r\nhost: localhost\r\n" + b"a: b\r\n" * (MAX_FIELDS + 1),
        b"GET / HTTP/1.1\r\nhost: localhost\r\na: " + b"b" * (MAX_HEAD_BYTES + 1),
        b"no request\r\n\r\n",
        chunked("/a", b"x") + chunked("/b", b"x")[:-4],
        post("/a", b"x")[:-1],
        get("/a", b"connection: upgrade\r\nupgrade: h2c\r\n") + LAST,
        TWO,
    ],
)
async def test_a_connection_leaves_nothing_for_the_garbage_collector(
    server: Server, sent: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It runs seldom in a process that answers much: a flood of refused heads would pile up until then."""
    alive: weakref.WeakSet[Any] = weakref.WeakSet()
    made = server.protocol.connection_made

    def note(protocol: Any, transport: Any) -> None:
        alive.add(protocol)
        made(protocol, transport)

    monkeypatch.setattr(server.protocol, "connection_made", note)
    gc.disable()
    try:
        await server.talk(sent)

        async def is_gone() -> bool:
            return not alive

        await until(is_gone, within_s=5)
    finally:
        gc.enable()
    assert await server.holds_nothing()
