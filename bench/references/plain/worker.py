"""What both consumers do alike: run beside a page that tells that they are up, and take from a queue."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any

import uvloop
from aiohttp import web

RECEIVERS = 8


async def drain(sqs: Any, queue_url: str, store: Callable[[list[str]], Awaitable[None]]) -> None:
    """Receive ten, store them, delete them; several at once."""

    async def receive_for_ever() -> None:
        while True:
            answer = await sqs.receive_message(QueueUrl=queue_url, WaitTimeSeconds=1, MaxNumberOfMessages=10)
            if messages := answer.get("Messages"):
                await store([message["Body"] for message in messages])
                handles = [message["ReceiptHandle"] for message in messages]
                entries = [{"Id": str(number), "ReceiptHandle": handle} for number, handle in enumerate(handles)]
                await sqs.delete_message_batch(QueueUrl=queue_url, Entries=entries)

    await asyncio.gather(*(receive_for_ever() for _ in range(RECEIVERS)))


def run(work: Callable[[], Awaitable[None]], host: str, port: int) -> None:
    """Run `work` and serve /readyz until SIGTERM or SIGINT; the process ends where `work` fails."""
    app = web.Application()

    async def working(_: web.Application) -> AsyncGenerator[None, None]:
        task = asyncio.ensure_future(work())
        task.add_done_callback(_end)
        yield
        task.cancel()

    async def readyz(_: web.Request) -> web.Response:
        return web.json_response({"status": "ready"})

    app.cleanup_ctx.append(working)
    app.add_routes([web.get("/readyz", readyz)])
    uvloop.install()
    web.run_app(app, host=host, port=port, access_log=None, print=None)


def _end(task: "asyncio.Future[None]") -> None:
    if not task.cancelled() and (error := task.exception()):
        asyncio.get_running_loop().call_exception_handler({"message": "the worker failed", "exception": error})
        raise SystemExit(1)
