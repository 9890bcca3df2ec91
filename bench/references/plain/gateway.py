"""The gateway on aiohttp: SNS in batches of ten, Kafka with a linger."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import suppress
from typing import Any

import msgspec
import uvloop
from aiobotocore.session import get_session
from aiohttp import web
from aiokafka import AIOKafkaProducer

from pipeline.core.settings import read
from pipeline.core.settings.gateway import GatewaySettings

_LINGER_S = 0.005
_MOST_ENTRIES = 10
_CALLS = 8
_Waiting = tuple[str, "asyncio.Future[None]"]


class Event(msgspec.Struct):
    """What is required of an event."""

    specversion: str
    id: str
    source: str
    type: str


class Topic:
    """Publishes to SNS in batches."""

    def __init__(self, sns: Any, arn: str) -> None:
        self._sns = sns
        self._arn = arn
        self._waiting: asyncio.Queue[_Waiting] = asyncio.Queue()

    async def publish(self, body: str) -> None:
        """Returns once SNS has it."""
        stored: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.put_nowait((body, stored))
        await stored

    async def send_for_ever(self) -> None:
        """Send what waits, batch by batch."""
        while True:
            batch = [await self._waiting.get()]
            with suppress(TimeoutError):
                async with asyncio.timeout(_LINGER_S):
                    while len(batch) < _MOST_ENTRIES:
                        batch.append(await self._waiting.get())
            await self._send(batch)

    async def _send(self, batch: list[_Waiting]) -> None:
        entries = [{"Id": str(number), "Message": body} for number, (body, _) in enumerate(batch)]
        try:
            answer = await self._sns.publish_batch(TopicArn=self._arn, PublishBatchRequestEntries=entries)
        except Exception as error:  # noqa: BLE001 - each sender is told
            for _, stored in batch:
                stored.set_exception(error)
            return
        for each in answer["Successful"]:
            batch[int(each["Id"])][1].set_result(None)
        for each in answer.get("Failed", []):
            batch[int(each["Id"])][1].set_exception(RuntimeError(each["Code"]))


def create_app(settings: GatewaySettings) -> web.Application:
    """The app."""
    app = web.Application()
    decoder = msgspec.json.Decoder(Event)
    topic, producer = web.AppKey("topic", Topic), web.AppKey("producer", AIOKafkaProducer)

    async def connected(app: web.Application) -> AsyncGenerator[None, None]:
        kafka = AIOKafkaProducer(
            bootstrap_servers=settings.kafka.bootstrap_servers, acks="all", enable_idempotence=True, linger_ms=5
        )
        async with get_session().create_client("sns") as sns, kafka:
            app[topic], app[producer] = Topic(sns, settings.topic_arn), kafka
            senders = [asyncio.create_task(app[topic].send_for_ever()) for _ in range(_CALLS)]
            yield
            for sender in senders:
                sender.cancel()

    async def publish(request: web.Request) -> web.Response:
        body = await request.read()
        try:
            event = decoder.decode(body)
        except msgspec.DecodeError as error:
            return web.json_response({"error": str(error)}, status=422)
        sent = await app[producer].send(settings.kafka.topic, body, key=event.id.encode())
        await asyncio.gather(app[topic].publish(body.decode()), sent)
        return web.json_response({"id": event.id, "status": "accepted"}, status=202)

    async def readyz(_: web.Request) -> web.Response:
        return web.json_response({"status": "ready"})

    app.cleanup_ctx.append(connected)
    app.add_routes([web.post("/events", publish), web.get("/readyz", readyz)])
    return app


def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    settings = read(GatewaySettings)
    uvloop.install()
    web.run_app(create_app(settings), host=settings.host, port=settings.port, access_log=None, print=None)


if __name__ == "__main__":
    main()
