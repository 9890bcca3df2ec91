"""What stands before the emulator, with an application in its place that answers 200."""

import asyncio
import json
from typing import Any

import pytest
import uvicorn
from uvicorn.server import ServerState

from stack.guard import Guard
from stack.one_write import OneWrite

WEB = "http://127.0.0.1:8080"
QUERY = "/_aws/execute-api/mensageria/$default/events"
PORT, QUERY_PORT = 4566, 4568
PREFLIGHT = {"origin": WEB, "access-control-request-method": "GET", "sec-fetch-site": "same-site"}


async def behind(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"access-control-allow-origin", b"*")]})
    await send({"type": "http.response.body", "body": b""})


async def ask(
    method: str = "POST", path: str = "/", *, port: int = PORT, fields: Any = None, key: str = "", **headers: str
) -> tuple[int, dict[str, str], bytes]:
    """The status, headers and body of the guard's answer."""
    sent: list[Any] = []
    given = {"host": f"127.0.0.1:{port}"} | {name.replace("_", "-"): value for name, value in headers.items()}
    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "headers": fields or [(name.encode(), value.encode()) for name, value in given.items()],
        "server": ("127.0.0.1", port),
    }

    async def send(message: Any) -> None:
        sent.append(message)

    guard = Guard(behind, names=["aws"], web_origin=WEB, query_port=QUERY_PORT, access_key=key)
    await guard(scope, None, send)  # type: ignore[arg-type]
    answer = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], answer, sent[1]["body"]


async def status(*arguments: Any, **options: Any) -> int:
    return (await ask(*arguments, **options))[0]


@pytest.mark.parametrize("host", ["127.0.0.1:4566", "localhost:4566", "[::1]:4566", "aws:4566", "bucket.localhost"])
async def test_programs_are_answered(host: str) -> None:
    assert await status(host=host) == 200


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": WEB}, 403),
        ({"sec_fetch_site": "cross-site"}, 403),
        ({"sec_fetch_site": "same-site"}, 403),
        ({"host": "evil.example:4566"}, 421),
        ({"host": "evil.aws:4566"}, 421),
        ({"host": "notlocalhost"}, 421),
        ({"host": ""}, 421),
    ],
)
async def test_a_foreign_page_is_refused_and_can_read_nothing(headers: Any, expected: int) -> None:
    for method in ("GET", "POST", "OPTIONS"):
        got, answer, body = await ask(method, **headers)
        assert got == expected
        assert "access-control-allow-origin" not in answer
        assert json.loads(body)["status"] == expected


async def test_a_link_from_elsewhere_is_refused_too() -> None:
    """An action of SNS and SQS may be a GET."""
    headers = {"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate", "sec_fetch_dest": "document"}
    assert await status("GET", **headers) == 403


async def test_a_header_that_is_there_twice_is_refused() -> None:
    host = (b"host", b"127.0.0.1")
    assert await status(fields=[host, host]) == 421
    assert await status(fields=[host, (b"origin", WEB.encode()), (b"Origin", b"http://evil.example")]) == 421


async def test_webs_pages_may_ask_the_query_alone() -> None:
    assert await status("GET", QUERY, origin=WEB, sec_fetch_site="same-site") == 200
    assert await status("OPTIONS", QUERY, **{name.replace("-", "_"): value for name, value in PREFLIGHT.items()}) == 200
    assert await status("POST", QUERY, origin=WEB) == 403
    assert await status("GET", "/_aws/execute-api/other/$default/events", origin=WEB) == 403
    assert await status("GET", QUERY, origin="http://evil.example") == 403
    assert await status("GET", QUERY, sec_fetch_site="same-site") == 403
    assert await status("GET", QUERY, origin=WEB, host="evil.example") == 421


async def test_a_port_can_have_the_query_alone() -> None:
    assert await status("GET", QUERY, port=QUERY_PORT) == 200
    assert await status("HEAD", QUERY, port=QUERY_PORT) == 200
    assert await status("POST", QUERY, port=QUERY_PORT) == 405
    for path in ("/", "/2015-03-31/functions", "/_ministack/ready", "/_aws/execute-api/other/$default/events"):
        assert await status("GET", path, port=QUERY_PORT) == 404
    assert await status("GET", QUERY, port=QUERY_PORT, host="aws:4566") == 421
    assert await status("GET", QUERY, port=QUERY_PORT, host="bucket.localhost") == 421


async def test_a_guard_without_an_origin_lets_no_page_in() -> None:
    guard = Guard(behind)
    scope = {
        "type": "http",
        "method": "GET",
        "path": QUERY,
        "headers": [(b"host", b"localhost"), (b"origin", b"")],
        "server": ("127.0.0.1", PORT),
    }
    assert guard.refusal(scope) is not None


async def test_a_websocket_is_closed() -> None:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    await Guard(behind)({"type": "websocket", "headers": []}, None, send)  # type: ignore[arg-type]
    assert sent == [{"type": "websocket.close", "code": 1008}]


SIGNED = "AWS4-HMAC-SHA256 Credential={}/20261130/us-east-1/lambda/aws4_request, SignedHeaders=host, Signature=0"


@pytest.mark.parametrize(
    "authorization",
    ["", SIGNED.format("test"), SIGNED.format("k3y-and-more"), SIGNED.format(""), "Bearer k3y", "Credential=k3y/"],
)
async def test_who_has_not_the_access_key_reads_no_functions_secrets(authorization: str) -> None:
    functions = "/2015-03-31/functions/mensageria-query/configuration"
    assert await status("GET", functions, key="k3y", authorization=authorization) == 403


async def test_the_owners_programs_sign_with_the_access_key() -> None:
    assert await status(key="k3y", authorization=SIGNED.format("k3y")) == 200
    twice = [(b"host", b"127.0.0.1"), *([(b"authorization", SIGNED.format("k3y").encode())] * 2)]
    assert await status(key="k3y", fields=twice) == 421


@pytest.mark.parametrize("path", [QUERY, "/_ministack/ready"])
async def test_the_query_and_whether_it_is_ready_need_no_key(path: str) -> None:
    assert await status("GET", path, key="k3y") == 200


@pytest.mark.parametrize(("port", "key"), [(PORT, "k3y"), (QUERY_PORT, "")])
async def test_another_method_than_the_querys_is_named_to_who_has_no_key(port: int, key: str) -> None:
    got, answer, body = await ask("POST", QUERY, port=port, key=key)
    assert (got, answer["allow"]) == (405, "GET, HEAD, OPTIONS")
    assert json.loads(body)["title"] == "Method Not Allowed"


async def test_a_refusal_has_the_title_of_its_status_and_names_no_methods() -> None:
    _, answer, body = await ask("GET", "/", key="k3y")
    assert (json.loads(body)["title"], "allow" in answer) == ("Forbidden", False)


@pytest.mark.parametrize(("target", "expected"), [("http://evil.example/", 421), ("http://localhost/", 200)])
async def test_the_host_of_an_absolute_target_counts(target: str, expected: int) -> None:
    """RFC 9112, section 3.2.2; on the emulator's own protocol."""
    config = uvicorn.Config(Guard(behind), http=OneWrite, log_config=None, lifespan="off", ws="none")
    state, loop = ServerState(), asyncio.get_running_loop()
    server = await loop.create_server(lambda: OneWrite(config, state, {}, loop), "127.0.0.1", 0)
    async with server:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        writer.write(f"POST {target} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n".encode())
        answer = await reader.read()
        writer.close()
    assert int(answer.split()[1]) == expected
