"""DynamoDB's items: read by time through the index `by_time`, by identity, and removed."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import date, timedelta
from typing import Any

import stamina
from botocore.exceptions import BotoCoreError, ClientError

from cli.stored_copies import Copy, Found, side_by_side
from pipeline.core.errors import StoreUnavailable
from pipeline.core.identity import Identity
from pipeline.core.table import (
    BUCKET,
    BY_TIME,
    COPY,
    IDENTITY,
    POSITION,
    SHARDS,
    bucket_of_day,
    identity_key,
    parse_copy_key,
    parse_identity_key,
)
from pipeline.events.metadata import Metadata

_CALL_ITEMS = 25
"""DynamoDB's limit of one BatchWriteItem."""
_CALLS = 8
_NAMES = {"#bucket": BUCKET, "#position": POSITION, "#received_at": "received_at", "#copy": COPY, "#identity": IDENTITY}

Key = dict[str, dict[str, str]]


class Items:
    """The table `events`; `client` is an entered DynamoDB client. Each call raises StoreUnavailable."""

    def __init__(self, client: Any, table: str) -> None:
        self._client = client
        self._table = table
        self._calls = asyncio.Semaphore(_CALLS)

    async def copies(self, since: str, until: str) -> AsyncIterator[Copy]:
        """The copies received from `since` on and before `until`, in PostgreSQL's order.

        Day after day, and each day's shards merged. Identities so long that their position
        is cut come in any order among themselves; `side_by_side` groups them.
        """
        for day in _days(since, until):
            shards = [self._shard(bucket_of_day(day, shard), since, until) for shard in range(SHARDS)]
            async for group in side_by_side(shards):
                for copy in group:
                    yield copy

    async def find(self, identities: Iterable[Identity]) -> list[Found]:
        """Every copy of `identities`, read consistently."""
        found = await asyncio.gather(*(self._find(identity) for identity in identities))
        return [each for copies in found for each in copies]

    async def of_subject(self, subject: str) -> AsyncIterator[list[Key]]:
        """The keys of a subject's items, a page at a time. Scans the whole table: no index knows the subject."""
        request = {
            "FilterExpression": "#subject = :subject",
            "ProjectionExpression": "#identity, #copy",
            "ExpressionAttributeNames": {"#subject": "subject", "#identity": IDENTITY, "#copy": COPY},
            "ExpressionAttributeValues": {":subject": {"S": subject}},
            "ConsistentRead": True,
        }
        async for page in self._pages(self._client.scan, request):
            yield page

    async def delete(self, keys: Sequence[Key]) -> None:
        """Delete the items with `keys`."""
        for start in range(0, len(keys), _CALL_ITEMS):
            await self._delete([{"DeleteRequest": {"Key": key}} for key in keys[start : start + _CALL_ITEMS]])

    async def _delete(self, requests: list[dict[str, Any]]) -> None:
        async for attempt in stamina.retry_context(on=StoreUnavailable, attempts=8, timeout=60, wait_max=5):
            with attempt:
                answer = await self._call(self._client.batch_write_item, RequestItems={self._table: requests})
                if requests := answer.get("UnprocessedItems", {}).get(self._table, []):
                    raise StoreUnavailable(f"dynamodb: {len(requests)} items were not processed")

    async def _shard(self, bucket: str, since: str, until: str) -> AsyncIterator[Copy]:
        request = {
            "IndexName": BY_TIME,
            "KeyConditionExpression": "#bucket = :bucket AND #position BETWEEN :since AND :until",
            "ProjectionExpression": "#identity, #copy, #received_at, #position",
            "ExpressionAttributeNames": _NAMES,
            # A position begins with its time, so `until` alone sorts before all that came then.
            "ExpressionAttributeValues": {":bucket": {"S": bucket}, ":since": {"S": since}, ":until": {"S": until}},
        }
        async for page in self._pages(self._client.query, request):
            for item in page:
                yield _copy(item)

    async def _find(self, identity: Identity) -> list[Found]:
        request = {
            "KeyConditionExpression": "#identity = :identity",
            "ExpressionAttributeNames": {"#identity": IDENTITY},
            "ExpressionAttributeValues": {":identity": {"S": identity_key(*identity)}},
            "ConsistentRead": True,
        }
        async with self._calls:
            return [_found(item) async for page in self._pages(self._client.query, request) for item in page]

    async def _pages(self, call: Any, request: dict[str, Any]) -> AsyncIterator[list[Any]]:
        while True:
            page = await self._call(call, TableName=self._table, **request)
            yield page["Items"]
            if "LastEvaluatedKey" not in page:
                return
            request = request | {"ExclusiveStartKey": page["LastEvaluatedKey"]}

    async def _call(self, call: Any, **members: Any) -> Any:
        try:
            return await call(**members)
        except (ClientError, BotoCoreError) as error:
            raise StoreUnavailable(f"dynamodb: {error}") from error


def _days(since: str, until: str) -> Iterable[str]:
    first, last = date.fromisoformat(since[:10]), date.fromisoformat(until[:10])
    return ((first + timedelta(days=number)).isoformat() for number in range((last - first).days + 1))


def _copy(item: dict[str, Any]) -> Copy:
    via, content_hash = parse_copy_key(item[COPY]["S"])
    return Copy(item["received_at"]["S"], *parse_identity_key(item[IDENTITY]["S"]), content_hash, via)


def _found(item: dict[str, Any]) -> Found:
    text = {name: value["S"] for name, value in item.items() if "S" in value}
    return Found(
        _copy(item),
        text["type"],
        text.get("subject"),
        text["event"].encode(),
        Metadata.of(text.get),
    )
