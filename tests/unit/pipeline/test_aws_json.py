"""Calls in AWS JSON: answers decoded, errors told apart."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from pipeline.clients import aws_json
from pipeline.clients.aws_json import CallFailed, JsonApi
from pipeline.clients.signed_http import SignedHttp, signed_http
from pipeline.clients.sqs import Queue
from pipeline.core.errors import QueueUnavailable, StoreUnavailable
from pipeline.events.delivery import Arrival, Delivery
from pipeline.events.event import parse
from streams.dynamodb import DynamoStore


@pytest.fixture
async def api(unused_tcp_port: int, monkeypatch: pytest.MonkeyPatch) -> Any:
    """An API whose server answers as `answer` says: a status and a body."""
    answer: dict[str, Any] = {"status": 200, "body": b"{}"}

    async def handle(request: web.Request) -> web.Response:
        answer["target"] = request.headers["x-amz-target"]
        return web.Response(status=answer["status"], body=answer["body"])

    app = web.Application()
    app.router.add_post("/", handle)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", unused_tcp_port).start()
    for name, value in (
        ("AWS_ENDPOINT_URL", f"http://127.0.0.1:{unused_tcp_port}"),
        ("AWS_REGION", "us-east-1"),
        ("AWS_DEFAULT_REGION", "us-east-1"),
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
    ):
        monkeypatch.setenv(name, value)
    made = JsonApi("dynamodb")
    yield made, answer
    await made.close()
    await runner.cleanup()


async def test_an_answer_is_decoded(api: Any) -> None:
    made, answer = api
    answer["body"] = b'{"Count": 3}'
    assert await made.call("Query", {}, dict[str, int], timeout_s=5) == {"Count": 3}
    assert answer["target"] == "DynamoDB_20120810.Query"


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (400, b'{"__type": "com.amazonaws#ThrottlingException", "message": "slow"}', "ThrottlingException"),
        (400, b'{"__type": "AccessDeniedException", "Message": "no"}', "AccessDeniedException"),
        (500, b'{"__type": "InternalFailure"}', "InternalFailure"),
        (502, b"<html>", "Http502"),
        (200, b"<html>", "NoAnswer"),
        (200, b'{"Items": ["\xff"]}', "NoAnswer"),
        (500, b'{"__type": "\xff"}', "Http500"),
    ],
)
async def test_a_failure_says_its_code(api: Any, status: int, body: bytes, code: str) -> None:
    made, answer = api
    answer |= {"status": status, "body": body}
    with pytest.raises(CallFailed) as failed:
        await made.call("Query", {}, dict[str, Any], timeout_s=5)
    assert failed.value.code == code


async def test_what_is_no_http_is_told_without_the_signed_request(
    api: Any, unused_tcp_port_factory: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, _ = api

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"no HTTP\r\n\r\n")
        writer.close()

    port = unused_tcp_port_factory()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
    async with await asyncio.start_server(answer, "127.0.0.1", port):
        with pytest.raises(CallFailed) as failed:
            await made.call("Query", {}, dict[str, Any], timeout_s=5)
    assert "no HTTP" in str(failed.value)
    assert "AWS4-HMAC" not in repr(failed.value)


async def test_nobody_there_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    made = JsonApi("sqs")
    with pytest.raises(CallFailed, match="NoAnswer"):
        await made.call("ReceiveMessage", {}, dict[str, Any], timeout_s=5)
    await made.close()


async def test_the_first_calls_share_one_client(api: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    made, _ = api
    connected: list[str] = []

    @asynccontextmanager
    async def counted(service: Any, **settings: Any) -> AsyncIterator[SignedHttp]:
        connected.append(service)
        await asyncio.sleep(0)  # as where credentials are fetched: the other calls get their turn
        async with signed_http(service, **settings) as http:
            yield http

    monkeypatch.setattr(aws_json, "signed_http", counted)
    await asyncio.gather(*[made.call("GetItem", {}, dict[str, Any], timeout_s=5) for _ in range(8)])
    assert connected == ["dynamodb"]


@pytest.mark.parametrize("body", [b"{}", b'{"status": "ok"}', b'{"UnprocessedItems": null, "MessageId": null}'])
async def test_what_does_not_confirm_a_write_has_written_nothing(api: Any, body: bytes) -> None:
    _, answer = api
    answer["body"] = body
    event = b'{"specversion": "1.0", "id": "1", "source": "s", "type": "t"}'
    delivery = Delivery(parse(event), Arrival(event, "sqs", {}, "2026-11-23T15:24:00.000000Z"))
    store, queue = DynamoStore("events", calls=1), Queue("http://sqs/dead", JsonApi("sqs"))
    try:
        with pytest.raises(StoreUnavailable):
            await store.store([delivery])
        with pytest.raises(QueueUnavailable):
            await queue.send("x", {})
    finally:
        await store.close()
        await queue.close()
