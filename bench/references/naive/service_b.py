"""The naive service B: one receive, one insert, one delete a message.

A plain Faust app (`faust -A bench.references.naive.service_b worker`) with a timerless loop on the queue, a
client with its own defaults, and one connection that commits every row: as durable as ours.
"""

import json
from datetime import UTC, datetime

import aioboto3
import aiopg
import faust
from faust import web
from faust.app import BootStrategy

from pipeline.core.settings import read
from pipeline.core.settings.workers import ServiceBSettings

_INSERT = """
insert into events (source, id, type, subject, "time", received_at, origin, content_hash, event)
values (%s, %s, %s, %s, %s, %s, '{}', '', %s)
on conflict (source, id) do nothing
"""


class _WithoutKafka(BootStrategy):  # type: ignore[misc]
    enable_kafka = False


class _App(faust.App):  # type: ignore[misc]
    BootStrategy = _WithoutKafka


settings = read(ServiceBSettings)
app = _App("naive-b", datadir=settings.worker.data_dir / "naive-b", web_bind=settings.worker.web_host)


@app.task  # type: ignore[untyped-decorator]
async def consume() -> None:
    """Store message by message."""
    async with (
        aioboto3.Session().client("sqs") as sqs,
        aiopg.create_pool(settings.postgres_url, maxsize=1) as pool,
        pool.acquire() as connection,
        connection.cursor() as cursor,
    ):
        while not app.should_stop:
            answer = await sqs.receive_message(QueueUrl=settings.queue_b_url, WaitTimeSeconds=1)
            for message in answer.get("Messages", []):
                event = json.loads(message["Body"])
                row = [event.get(name) for name in ("source", "id", "type", "subject", "time")]
                await cursor.execute(_INSERT, [*row, datetime.now(UTC), message["Body"]])
                await sqs.delete_message(QueueUrl=settings.queue_b_url, ReceiptHandle=message["ReceiptHandle"])


@app.page("/readyz")  # type: ignore[untyped-decorator]
async def readyz(view: web.View, _request: web.Request) -> web.Response:
    """It is up."""
    return view.json({"status": "ready"})
