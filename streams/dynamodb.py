"""Events in DynamoDB: one item an event, way and content, 25 items a call.

The keys are in pipeline/table.py. A write may be repeated in any number and order:
BatchWriteItem knows no condition, and needs none.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any, TypeVar

import msgspec
import stamina
import structlog

from pipeline import table
from pipeline.aws_json import CallFailed, JsonApi
from pipeline.clock import now, rfc3339
from pipeline.delivery import Delivery
from pipeline.errors import Rejected, StoreUnavailable
from streams.store import Stored

log = structlog.get_logger(__name__)
T = TypeVar("T")
CALL_ITEMS = 25
"""DynamoDB's limit of one BatchWriteItem."""
_TIMEOUT_S = 10.0
_TOO_LARGE = "exceeded the maximum"
"""What AWS says of an item, or of a key, that is too large. All else that it finds invalid is a
table unlike ours: the events are not to blame, and wait."""


class UnprocessedItems(StoreUnavailable):
    """DynamoDB took a part of a call: the rest is to be sent again, more slowly."""


class _Written(msgspec.Struct, rename="pascal"):
    unprocessed_items: dict[str, list[dict[str, Any]]] = {}


class DynamoStore:
    """The table; it connects at the first use."""

    name = "dynamodb"

    def __init__(
        self,
        table_name: str,
        *,
        calls: int,
        retention_days: int = 0,
        count_retry: Callable[[Exception], None] | None = None,
    ) -> None:
        self._count_retry = count_retry
        self._table = table_name
        self._retention_days = retention_days
        self._calls = asyncio.Semaphore(calls)
        self._api = JsonApi("dynamodb")

    async def store(self, deliveries: Sequence[Delivery]) -> Stored:
        """Put each delivery; which of them were there before is not told."""
        stored_at = rfc3339(now())
        items = (_item(delivery, stored_at) | self._expiry(delivery) for delivery in deliveries)
        distinct = {(item["identity"]["S"], item["copy"]["S"]): item for item in items}
        calls = [self._put(chunk) for chunk in _chunks(list(distinct.values()), CALL_ITEMS)]
        # All of them to their end: none may go on behind a batch that is tried again.
        for outcome in await asyncio.gather(*calls, return_exceptions=True):
            if isinstance(outcome, BaseException):
                raise outcome
        return Stored(new=list(deliveries))

    async def ping(self) -> None:
        """Raises StoreUnavailable where the table doesn't answer."""
        key = {name: {"S": table.NO_EVENT} for name in (table.IDENTITY, table.COPY)}
        await self._call("GetItem", {"TableName": self._table, "Key": key}, dict[str, Any])

    async def close(self) -> None:
        """Close the connections."""
        await self._api.close()

    def _expiry(self, delivery: Delivery) -> dict[str, Any]:
        """The attribute that the table's time to live is on, in epoch seconds; none where all is kept."""
        if not self._retention_days:
            return {}
        received = datetime.fromisoformat(delivery.received_at).timestamp()
        return {"expires_at": {"N": str(int(received) + self._retention_days * 86_400)}}

    async def _put(self, items: list[dict[str, Any]]) -> None:
        """Put `items`; those that DynamoDB left out are sent again, alone, until the caller's time is up."""
        requests: list[dict[str, Any]] = [{"PutRequest": {"Item": item}} for item in items]
        async with self._calls:
            async for attempt in stamina.retry_context(
                on=UnprocessedItems, attempts=None, timeout=None, wait_initial=0.05, wait_max=2, wait_jitter=0.1
            ):
                with attempt:
                    requests = await self._write(requests)
                    if requests:
                        raise self._left_out(len(requests))

    def _left_out(self, items: int) -> UnprocessedItems:
        """What is told of a call of which DynamoDB took a part: a batch that is throttled is slow, and no more."""
        error = UnprocessedItems(f"dynamodb: {items} items were not processed")
        log.warning("items sent again", items=items, error=str(error))
        if self._count_retry:
            self._count_retry(error)
        return error

    async def _write(self, requests: list[dict[str, Any]]) -> list[dict[str, Any]]:
        answer = await self._call("BatchWriteItem", {"RequestItems": {self._table: requests}}, _Written)
        return answer.unprocessed_items.get(self._table, [])

    async def _call(self, operation: str, request: dict[str, Any], answer: type[T]) -> T:
        try:
            return await self._api.call(operation, request, answer, timeout_s=_TIMEOUT_S)
        except CallFailed as error:
            if error.code == "ValidationException" and _TOO_LARGE in str(error):
                raise Rejected("rejected", f"dynamodb: {error}") from error
            raise StoreUnavailable(f"dynamodb: {error}") from error


def _chunks(items: list[Any], size: int) -> Iterator[list[Any]]:
    return (items[start : start + size] for start in range(0, len(items), size))


def _item(delivery: Delivery, stored_at: str) -> dict[str, Any]:
    event, arrival, received_at = delivery.event, delivery.arrival, delivery.received_at
    content_hash = event.content_hash()
    text = {
        table.IDENTITY: table.identity_key(event.source, event.id),
        table.COPY: table.copy_key(arrival.via, content_hash),
        table.BUCKET: table.bucket_key(received_at, event.source, event.id),
        table.POSITION: table.position_key(received_at, event.source, event.id),
        "id": event.id,
        "source": event.source,
        "type": event.type,
        "subject": event.subject,
        "time": event.time,
        "via": arrival.via,
        "received_at": received_at,
        "stored_at": stored_at,
        "publisher": arrival.publisher,
        "traceparent": arrival.traceparent,
        "origin": msgspec.json.encode(arrival.origin).decode(),
        "content_hash": content_hash.hex(),
        "event": event.body.decode(),
    }
    return {name: {"S": value} for name, value in text.items() if value is not None}
