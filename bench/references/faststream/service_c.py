"""Service C: a batch subscriber of FastStream on the topic, and queue c, into DynamoDB."""

import asyncio
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import uvicorn
from aiobotocore.session import get_session
from faststream import AckPolicy
from faststream.kafka import KafkaBroker

from bench.references.faststream.event import Event
from bench.references.faststream.queue_worker import Received, Store, create_app
from pipeline.core.settings import read
from pipeline.core.settings.workers import ServiceCSettings

_CALL_ITEMS = 25
_MOST_RECORDS = 500


async def _put(dynamodb: Any, table: str, received: Received, via: str) -> None:
    items = [{"PutRequest": {"Item": _item(event, body, via)}} for event, body in received]
    chunks = [items[start : start + _CALL_ITEMS] for start in range(0, len(items), _CALL_ITEMS)]
    await asyncio.gather(*(_write(dynamodb, table, chunk) for chunk in chunks))


async def _write(dynamodb: Any, table: str, requests: list[dict[str, Any]]) -> None:
    while requests:
        answer = await dynamodb.batch_write_item(RequestItems={table: requests})
        requests = answer["UnprocessedItems"].get(table, [])


def _item(event: Event, body: str, via: str) -> dict[str, Any]:
    text = {"identity": f"{event.source}\n{event.id}", "copy": via, "via": via, "event": body}
    return {name: {"S": value} for name, value in text.items()}


def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    settings = read(ServiceCSettings)

    @asynccontextmanager
    async def opened() -> AsyncGenerator[Store, None]:
        broker = KafkaBroker(settings.kafka.bootstrap_servers)
        async with get_session().create_client("dynamodb") as dynamodb:

            @broker.subscriber(  # type: ignore[untyped-decorator]
                settings.kafka.topic,
                group_id="faststream-c",
                batch=True,
                max_records=_MOST_RECORDS,
                auto_offset_reset="earliest",
                ack_policy=AckPolicy.NACK_ON_ERROR,
            )
            async def from_topic(events: list[Event]) -> None:
                received = [(event, event.model_dump_json(exclude_unset=True)) for event in events]
                await _put(dynamodb, settings.table, received, "kafka")

            async def from_queue(received: Received) -> None:
                await _put(dynamodb, settings.table, received, "sqs")

            async with broker:
                await broker.start()
                yield from_queue

    app = create_app(settings.queue_c_url, opened)
    uvicorn.run(app, host=settings.worker.web_host, port=int(sys.argv[1]), access_log=False)


if __name__ == "__main__":
    main()
