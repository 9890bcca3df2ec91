"""Events in DynamoDB: one item an event, way and content, 25 items a call.

The keys are in pipeline/core/table.py. A write may be repeated in any number and order:
BatchWriteItem knows no condition, and needs none.
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple, TypeVar

import msgspec

from pipeline.clients.aws_json import CallFailed, JsonApi
from pipeline.core import table
from pipeline.core.clock import now, rfc3339
from pipeline.core.errors import Rejected, StoreUnavailable
from pipeline.core.ways import Via
from pipeline.events.delivery import Delivery
from streams.days import Days, last_expiries
from streams.store import Copy, PartlyStored, Stored, origin_of

T = TypeVar("T")
CALL_ITEMS = 25
"""DynamoDB's limit of one BatchWriteItem."""
_TIMEOUT_S = 20.0
"""A table at a few items a second answers a call of 25 late, and writes it: to give up early is to write it again."""
_TOO_LARGE = "exceeded the maximum"
"""What AWS says of an item ("Item size has exceeded the maximum allowed size") or of a partition key ("Size of hashkey
has exceeded the maximum size limit of2048 bytes") that is too large, as dynalite's tests,
which also run against AWS, have it. All else that it finds invalid is a table unlike ours: the events are not
to blame, and wait."""

_PERHAPS_ANOTHER_TABLE = ("NoAnswer", "ResourceNotFoundException")
"""After these the days are written again. After a throttled call they are not: they would take what the events need."""


class UnprocessedItems(PartlyStored):
    """DynamoDB took a part of a call: the rest is to be sent again, more slowly."""


class _Text(msgspec.Struct, frozen=True, rename={"text": "S"}):
    text: str = ""


class _Held(msgspec.Struct):
    """What a receipt says of an item."""

    copy: _Text
    received_at: _Text
    stored_at: _Text
    origin: _Text
    traceparent: _Text = _Text()

    def receipt(self) -> Copy:
        origin = origin_of(msgspec.json.decode(self.origin.text), self.traceparent.text)
        return Copy(self.received_at.text, self.stored_at.text, origin)


class _Page(msgspec.Struct, rename="pascal"):
    items: list[_Held] = []
    last_evaluated_key: dict[str, Any] | None = None


class _Written(msgspec.Struct, rename="pascal"):
    unprocessed_items: dict[str, list[dict[str, Any]]]
    """DynamoDB always says so, be it that there are none: what does not has written nothing."""


class DynamoStore:
    """The table; it connects at the first use."""

    name = "dynamodb"
    call_events = CALL_ITEMS

    def __init__(self, table_name: str, *, calls: int, retention_days: int = 0) -> None:
        self._table = table_name
        self._retention_days = retention_days
        self.calls = calls
        self._room = asyncio.Semaphore(calls)
        self._api = JsonApi("dynamodb")
        self._days = Days(self._put_items, CALL_ITEMS)

    async def store(self, deliveries: Sequence[Delivery]) -> Stored:
        """Put each of at most CALL_ITEMS deliveries; which of them were there before is unknown."""
        stored_at = rfc3339(now())
        copies: dict[tuple[str, str], _Put] = {}
        for delivery in deliveries:
            item = _item(delivery, stored_at) | self._expiry(delivery)
            # A call with a key twice is invalid, and one item does for both.
            copies.setdefault(table.key(item), _Put(item, [])).deliveries.append(delivery)
        if days := await self._days.add(last_expiries(copy.item for copy in copies.values())):
            raise UnprocessedItems(Stored(), f"dynamodb: {days} days were not processed")
        return await self._put(list(copies.values()), stored_at)

    async def ways(self, identity: tuple[str, str]) -> Sequence[tuple[Via, Copy]]:
        """What the table has of one event, by each way it came. Raises StoreUnavailable."""
        names = {f"#{name}": name for name in _Held.__struct_fields__}
        request = {
            "TableName": self._table,
            "KeyConditionExpression": "#identity = :identity",
            "Select": "SPECIFIC_ATTRIBUTES",  # the role may read no others (infra/services.yaml)
            "ProjectionExpression": ", ".join(names),
            "ExpressionAttributeNames": names | {"#identity": table.IDENTITY},
            "ExpressionAttributeValues": {":identity": {"S": table.identity_key(*identity)}},
            "ConsistentRead": True,
        }
        found: dict[Via, Copy] = {}
        while True:
            page = await self._call("Query", request, _Page)
            for item in page.items:
                found.setdefault(table.parse_copy_key(item.copy.text)[0], item.receipt())
            if not page.last_evaluated_key:
                return list(found.items())
            request["ExclusiveStartKey"] = page.last_evaluated_key

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

    async def _put_items(self, items: list[dict[str, Any]]) -> set[tuple[str, str]]:
        """Put them, by one call; the keys of those that DynamoDB left out."""
        requests = [{"PutRequest": {"Item": item}} for item in items]
        async with self._room:
            answer = await self._call("BatchWriteItem", {"RequestItems": {self._table: requests}}, _Written)
        left_out = answer.unprocessed_items.get(self._table, [])
        return {table.key(request["PutRequest"]["Item"]) for request in left_out}

    async def _put(self, copies: Sequence["_Put"], stored_at: str) -> Stored:
        if not (left_out := await self._put_items([copy.item for copy in copies])):
            return Stored(new=[each for copy in copies for each in copy.deliveries], stored_at=stored_at)
        written = [each for copy in copies if table.key(copy.item) not in left_out for each in copy.deliveries]
        raise UnprocessedItems(
            Stored(new=written, stored_at=stored_at), f"dynamodb: {len(left_out)} items were not processed"
        )

    async def _call(self, operation: str, request: dict[str, Any], answer: type[T]) -> T:
        try:
            return await self._api.call(operation, request, answer, timeout_s=_TIMEOUT_S)
        except CallFailed as error:
            if error.code == "ValidationException" and _TOO_LARGE in str(error):
                raise Rejected("rejected", f"dynamodb: {error}") from error
            if error.code in _PERHAPS_ANOTHER_TABLE:
                self._days.forget()
            raise StoreUnavailable(f"dynamodb: {error}") from error


class _Put(NamedTuple):
    """An item, and the deliveries that it is of."""

    item: dict[str, Any]
    deliveries: list[Delivery]


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
        **arrival.metadata.every(),
        "received_at": received_at,
        "stored_at": stored_at,
        "origin": msgspec.json.encode(arrival.origin).decode(),
        "content_hash": content_hash.hex(),
        "event": event.body.decode(),
    }
    return {name: {"S": value} for name, value in text.items() if value is not None}
