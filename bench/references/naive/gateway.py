"""The naive gateway: Quart on hypercorn, one `publish` and one `send_and_wait` a request.

Each client is made once and kept, with its own defaults; acks=all and idempotent, 202 after
both: what is compared is how the work is done, not whether it is.
"""

import asyncio
import json
from collections.abc import AsyncGenerator
from typing import Any

import aioboto3
from aiokafka import AIOKafkaProducer
from hypercorn.asyncio import serve
from hypercorn.config import Config
from quart import Quart, request

from pipeline.core.settings import read
from pipeline.core.settings.gateway import GatewaySettings

_REQUIRED = ("specversion", "id", "source", "type")


def create_app(settings: GatewaySettings) -> Quart:
    """The app."""
    app = Quart(__name__)
    clients: dict[str, Any] = {}

    @app.while_serving
    async def connected() -> AsyncGenerator[None, None]:
        producer = AIOKafkaProducer(
            bootstrap_servers=settings.kafka.bootstrap_servers, acks="all", enable_idempotence=True
        )
        async with aioboto3.Session().client("sns") as sns, producer:
            clients.update(sns=sns, producer=producer)
            yield

    @app.post("/events")
    async def publish() -> tuple[dict[str, Any], int]:
        event = await request.get_json(force=True)
        if missing := [name for name in _REQUIRED if not event.get(name)]:
            return {"error": f"missing: {', '.join(missing)}"}, 422
        body = json.dumps(event)
        await asyncio.gather(
            clients["sns"].publish(TopicArn=settings.topic_arn, Message=body),
            clients["producer"].send_and_wait(settings.kafka.topic, body.encode(), key=event["id"].encode()),
        )
        return {"id": event["id"], "status": "accepted"}, 202

    @app.get("/readyz")
    async def readyz() -> dict[str, str]:
        return {"status": "ready"}

    return app


def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    settings = read(GatewaySettings)
    config = Config()
    config.bind = [f"{settings.host}:{settings.port}"]
    asyncio.run(serve(create_app(settings), config))


if __name__ == "__main__":
    main()
