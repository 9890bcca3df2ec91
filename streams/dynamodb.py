"""Events in DynamoDB: one item an event, way and content, 25 items a call.

The keys are in pipeline/table.py. A write may be repeated in any number and order:
BatchWriteItem knows no condition, and needs none.
"""

import asyncio
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
import stamina
from botocore.exceptions import BotoCoreError, ClientError

from pipeline import table
from pipeline.aws import LateClient
from pipeline.clock import now, rfc3339
from pipeline.delivery import Delivery
from pipeline.errors import Rejected, StoreUnavailable
from streams.store import Stored

CALL_ITEMS = 25
"""DynamoDB's limit of one BatchWriteItem."""


class UnprocessedItems(StoreUnavailable):
    """DynamoDB took a part of a call: the rest is to be sent again, more slowly."""


class DynamoStore:
    """The table; the client is made at the first use."""

    name = "dynamodb"

    def __init__(self, table_name: str, *, calls: int, timeout_s: float) -> None:
        self._table = table_name
        self._calls = asyncio.Semaphore(calls)
        self._timeout_s = timeout_s
        self._client = LateClient("dynamodb")

    async def store(self, deliveries: Sequence[Delivery]) -> Stored:
        """Put each delivery; which of them were there before is not told."""
        items = {(item["identity"]["S"], item["copy"]["S"]): item for item in map(_item, deliveries)}
        calls = [self._put(chunk) for chunk in _chunks(list(items.values()), CALL_ITEMS)]
        # All of them to their end: none may go on behind a batch that is tried again.
        for outcome in await asyncio.gather(*calls, return_exceptions=True):
            if isinstance(outcome, BaseException):
                raise outcome
        return Stored(new=list(deliveries))

    async def ping(self) -> None:
        """Raises StoreUnavailable where the table can't be described."""
        try:
            await (await self._client.get()).describe_table(TableName=self._table)
        except (ClientError, BotoCoreError) as error:
            raise StoreUnavailable(f"dynamodb: {error}") from error

    async def close(self) -> None:
        """Close the client."""
        await self._client.close()

    async def _put(self, items: list[dict[str, Any]]) -> None:
        requests: list[dict[str, Any]] = [{"PutRequest": {"Item": item}} for item in items]
        async with self._calls:
            async for attempt in stamina.retry_context(
                on=UnprocessedItems, attempts=None, timeout=self._timeout_s, wait_initial=0.05, wait_max=2
            ):
                with attempt:
                    requests = await self._write(requests)
                    if requests:
                        raise UnprocessedItems(f"dynamodb: {len(requests)} items were not processed")

    async def _write(self, requests: list[dict[str, Any]]) -> list[dict[str, Any]]:
        try:
            answer = await (await self._client.get()).batch_write_item(RequestItems={self._table: requests})
        except ClientError as error:
            if error.response["Error"]["Code"] == "ValidationException":
                raise Rejected("rejected", f"dynamodb: {error}") from error
            raise StoreUnavailable(f"dynamodb: {error}") from error
        except BotoCoreError as error:
            raise StoreUnavailable(f"dynamodb: {error}") from error
        unprocessed: list[dict[str, Any]] = answer.get("UnprocessedItems", {}).get(self._table, [])
        return unprocessed


def _chunks(items: list[Any], size: int) -> Iterator[list[Any]]:
    return (items[start : start + size] for start in range(0, len(items), size))


def _item(delivery: Delivery) -> dict[str, Any]:
    event, arrival = delivery.event, delivery.arrival
    content_hash = event.content_hash()
    text = {
        table.IDENTITY: table.identity_key(event.source, event.id),
        table.COPY: table.copy_key(arrival.via, content_hash),
        table.BUCKET: table.bucket_key(delivery.received_at, event.source, event.id),
        table.POSITION: table.position_key(delivery.received_at, event.source, event.id),
        "id": event.id,
        "source": event.source,
        "type": event.type,
        "subject": event.subject,
        "time": event.time,
        "via": arrival.via,
        "received_at": delivery.received_at,
        "stored_at": rfc3339(now()),
        "publisher": arrival.publisher,
        "traceparent": arrival.traceparent,
        "origin": msgspec.json.encode(arrival.origin).decode(),
        "content_hash": content_hash.hex(),
        "event": event.body.decode(),
    }
    return {name: {"S": value} for name, value in text.items() if value is not None}
