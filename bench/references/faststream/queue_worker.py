"""A FastAPI app that reads a queue for as long as it runs."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from aiobotocore.session import get_session
from fastapi import FastAPI

from bench.references.faststream.event import Event

Received = list[tuple[Event, str]]
"""Events, each with its bytes."""

Store = Callable[[Received], Awaitable[None]]


def create_app(queue_url: str, opened: Callable[[], AbstractAsyncContextManager[Store]]) -> FastAPI:
    """The app; `opened` connects to the store, and to whatever else is to run beside."""

    @asynccontextmanager
    async def working(_: FastAPI) -> AsyncGenerator[None, None]:
        async with opened() as store:
            reading = asyncio.create_task(_read_for_ever(queue_url, store))
            yield
            reading.cancel()

    app = FastAPI(lifespan=working)

    @app.get("/readyz")  # type: ignore[untyped-decorator]
    async def readyz() -> dict[str, str]:
        return {"status": "ready"}

    return app


async def _read_for_ever(queue_url: str, store: Store) -> None:
    async with get_session().create_client("sqs") as client:
        sqs: Any = client
        while True:
            answer = await sqs.receive_message(QueueUrl=queue_url, WaitTimeSeconds=1, MaxNumberOfMessages=10)
            if messages := answer.get("Messages"):
                bodies = [message["Body"] for message in messages]
                await store([(Event.model_validate_json(body), body) for body in bodies])
                handles = [message["ReceiptHandle"] for message in messages]
                entries = [{"Id": str(number), "ReceiptHandle": handle} for number, handle in enumerate(handles)]
                await sqs.delete_message_batch(QueueUrl=queue_url, Entries=entries)
