"""The naive service C: a plain Faust agent that stores event by event, and the same for each message of the queue.

Faust acknowledges and commits as it does by default; clients have their own defaults.
"""

import json
from collections import Counter
from collections.abc import AsyncGenerator
from datetime import UTC, datetime
from typing import Any

import aioboto3
import faust
from faust import web

from pipeline.core import table
from pipeline.core.settings import read
from pipeline.core.settings.workers import ServiceCSettings

settings = read(ServiceCSettings)
app = faust.App(
    "naive-c",
    broker=f"kafka://{settings.kafka.bootstrap_servers}",
    datadir=settings.worker.data_dir / "naive-c",
    web_bind=settings.worker.web_host,
    consumer_auto_offset_reset="earliest",
    topic_disable_leader=True,
)
_WAYS = ("sqs", "kafka")
topic = app.topic(settings.kafka.topic, value_type=bytes, value_serializer="raw")
stored: Counter[str] = Counter()
"""How many items were put, by way: what the benchmark waits for."""


@app.agent(topic)  # type: ignore[untyped-decorator]
async def store_topic(stream: Any) -> None:
    """Store event by event."""
    async with aioboto3.Session().client("dynamodb") as dynamodb:
        async for value in stream:
            await dynamodb.put_item(TableName=settings.table, Item=_item(value, "kafka"))
            stored["kafka"] += 1


@app.task  # type: ignore[untyped-decorator]
async def consume_queue() -> None:
    """Store message by message."""
    async with aioboto3.Session().client("sqs") as sqs, aioboto3.Session().client("dynamodb") as dynamodb:
        async for message in _messages(sqs):
            await dynamodb.put_item(TableName=settings.table, Item=_item(message["Body"].encode(), "sqs"))
            await sqs.delete_message(QueueUrl=settings.queue_c_url, ReceiptHandle=message["ReceiptHandle"])
            stored["sqs"] += 1


async def _messages(sqs: Any) -> AsyncGenerator[dict[str, Any], None]:
    while not app.should_stop:
        answer = await sqs.receive_message(QueueUrl=settings.queue_c_url, WaitTimeSeconds=1)
        for message in answer.get("Messages", []):
            yield message


def _item(value: bytes, via: str) -> dict[str, Any]:
    event = json.loads(value)
    source, id_, received_at = event["source"], event["id"], datetime.now(UTC).isoformat()
    text = {
        table.IDENTITY: table.identity_key(source, id_),
        table.COPY: via,
        table.BUCKET: table.bucket_key(received_at, source, id_),
        table.POSITION: table.position_key(received_at, source, id_),
        "received_at": received_at,
        "via": via,
        "event": value.decode(),
    }
    return {name: {"S": each} for name, each in text.items()}


@app.page("/readyz")  # type: ignore[untyped-decorator]
async def readyz(view: web.View, _request: web.Request) -> web.Response:
    """It is up."""
    return view.json({"status": "ready"})


@app.page("/metrics")  # type: ignore[untyped-decorator]
async def metrics(view: web.View, _request: web.Request) -> web.Response:
    """What was put, as the benchmark reads it of every service C."""
    lines = [f'events_stored_total{{outcome="stored",store="dynamodb",via="{via}"}} {stored[via]}' for via in _WAYS]
    return view.text("\n".join(["# TYPE events_stored_total counter", *lines, ""]))
