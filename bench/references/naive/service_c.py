"""The naive service C: a plain Faust agent that stores event by event, and the same for each message of the queue.

Faust acknowledges and commits as it does by default; clients have their own defaults.
"""

import json
from collections.abc import AsyncGenerator
from typing import Any

import aioboto3
import faust
from faust import web

from pipeline.core.settings import ServiceCSettings, read

settings = read(ServiceCSettings)
app = faust.App(
    "naive-c",
    broker=f"kafka://{settings.kafka.bootstrap_servers}",
    datadir=settings.worker.data_dir / "naive-c",
    web_bind=settings.worker.web_host,
    consumer_auto_offset_reset="earliest",
    topic_disable_leader=True,
)
topic = app.topic(settings.kafka.topic, value_type=bytes, value_serializer="raw")


@app.agent(topic)  # type: ignore[untyped-decorator]
async def store_topic(stream: Any) -> None:
    """Store event by event."""
    async with aioboto3.Session().client("dynamodb") as dynamodb:
        async for value in stream:
            await dynamodb.put_item(TableName=settings.table, Item=_item(value, "kafka"))


@app.task  # type: ignore[untyped-decorator]
async def consume_queue() -> None:
    """Store message by message."""
    async with aioboto3.Session().client("sqs") as sqs, aioboto3.Session().client("dynamodb") as dynamodb:
        async for message in _messages(sqs):
            await dynamodb.put_item(TableName=settings.table, Item=_item(message["Body"].encode(), "sqs"))
            await sqs.delete_message(QueueUrl=settings.queue_url, ReceiptHandle=message["ReceiptHandle"])


async def _messages(sqs: Any) -> AsyncGenerator[dict[str, Any], None]:
    while not app.should_stop:
        answer = await sqs.receive_message(QueueUrl=settings.queue_url, WaitTimeSeconds=1)
        for message in answer.get("Messages", []):
            yield message


def _item(value: bytes, via: str) -> dict[str, Any]:
    event = json.loads(value)
    text = {"identity": f"{event['source']}\n{event['id']}", "copy": via, "via": via, "event": value.decode()}
    return {name: {"S": each} for name, each in text.items()}


@app.page("/readyz")  # type: ignore[untyped-decorator]
async def readyz(view: web.View, _request: web.Request) -> web.Response:
    """It is up."""
    return view.json({"status": "ready"})
