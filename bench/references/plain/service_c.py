"""Service C: batches from Kafka and tens from queue c, 25 items a call."""

import asyncio
import sys
from collections.abc import Sequence
from typing import Any

import msgspec
from aiobotocore.session import get_session
from aiokafka import AIOKafkaConsumer

from bench.references.plain import worker
from pipeline.core.settings import read
from pipeline.core.settings.workers import ServiceCSettings

_CALL_ITEMS = 25
_MOST_RECORDS = 500


class Event(msgspec.Struct):
    """The identity of an event."""

    source: str
    id: str


_decoder = msgspec.json.Decoder(Event)


class Table:
    """The DynamoDB table."""

    def __init__(self, dynamodb: Any, name: str) -> None:
        self._dynamodb = dynamodb
        self._name = name

    async def put(self, bodies: Sequence[str], via: str) -> None:
        """Store `bodies`, in as many calls at once as they need."""
        items = [{"PutRequest": {"Item": _item(body, via)}} for body in bodies]
        chunks = [items[start : start + _CALL_ITEMS] for start in range(0, len(items), _CALL_ITEMS)]
        await asyncio.gather(*(self._write(chunk) for chunk in chunks))

    async def _write(self, requests: list[dict[str, Any]]) -> None:
        while requests:
            answer = await self._dynamodb.batch_write_item(RequestItems={self._name: requests})
            requests = answer["UnprocessedItems"].get(self._name, [])


def _item(body: str, via: str) -> dict[str, Any]:
    event = _decoder.decode(body)
    text = {"identity": f"{event.source}\n{event.id}", "copy": via, "via": via, "event": body}
    return {name: {"S": value} for name, value in text.items()}


async def _drain_topic(settings: ServiceCSettings, table: Table) -> None:
    consumer = AIOKafkaConsumer(
        settings.kafka.topic,
        bootstrap_servers=settings.kafka.bootstrap_servers,
        group_id="plain-c",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
    )
    async with consumer:
        while True:
            batches = await consumer.getmany(timeout_ms=1000, max_records=_MOST_RECORDS)
            if batches:
                await table.put([record.value.decode() for batch in batches.values() for record in batch], "kafka")
                await consumer.commit()


async def work(settings: ServiceCSettings) -> None:
    """Consume for ever."""
    async with get_session().create_client("sqs") as sqs, get_session().create_client("dynamodb") as dynamodb:
        table = Table(dynamodb, settings.table)
        await asyncio.gather(
            _drain_topic(settings, table),
            worker.drain(sqs, settings.queue_c_url, lambda bodies: table.put(bodies, "sqs")),
        )


def main() -> None:
    """Run until SIGTERM or SIGINT."""
    settings = read(ServiceCSettings)
    worker.run(lambda: work(settings), settings.worker.web_host, int(sys.argv[1]))


if __name__ == "__main__":
    main()
