"""The gateway: FastAPI on uvicorn, one `publish` to SNS and one to FastStream's broker a request."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import uvicorn
from aiobotocore.session import get_session
from fastapi import FastAPI
from faststream.kafka import KafkaBroker

from bench.references.faststream.event import Event
from pipeline.core.settings import read
from pipeline.core.settings.gateway import GatewaySettings


def create_app(settings: GatewaySettings) -> FastAPI:
    """The app."""
    clients: dict[str, Any] = {}
    broker = KafkaBroker(settings.kafka.bootstrap_servers, acks="all", enable_idempotence=True, linger_ms=2)

    @asynccontextmanager
    async def connected(_: FastAPI) -> AsyncGenerator[None, None]:
        async with get_session().create_client("sns") as clients["sns"], broker:
            yield

    app = FastAPI(lifespan=connected)

    @app.post("/events", status_code=202)  # type: ignore[untyped-decorator]
    async def publish(event: Event) -> dict[str, str]:
        body = event.model_dump_json(exclude_unset=True)
        await asyncio.gather(
            clients["sns"].publish(TopicArn=settings.topic_arn, Message=body),
            broker.publish(body.encode(), topic=settings.kafka.topic, key=event.id.encode()),
        )
        return {"id": event.id, "status": "accepted"}

    @app.get("/readyz")  # type: ignore[untyped-decorator]
    async def readyz() -> dict[str, str]:
        return {"status": "ready"}

    return app


def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    settings = read(GatewaySettings)
    uvicorn.run(create_app(settings), host=settings.host, port=settings.port, access_log=False)


if __name__ == "__main__":
    main()
