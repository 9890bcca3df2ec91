"""The events in DynamoDB: by identity, by key, and the index `by_time` (lambda_query/index_scan.py)."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from lambda_query.aws_calls import AwsCalls, CallFailed
from lambda_query.question import Position
from lambda_query.records import Listed, Stored
from pipeline.core.errors import StoreUnavailable
from pipeline.core.identity import Identity
from pipeline.core.settings.query import AwsSettings
from pipeline.core.table import BY_TIME, COPY, DAYS, IDENTITY, INDEXED, identity_key, parse_copy_key, parse_identity_key

_GET_ITEMS = 50
"""Keys in one BatchGetItem: 100 at most."""
_ITEM_BYTES = 400 * 1024
"""Of an item, at most: so many may be read to the bytes that are left, and no more."""
_OUR_FAULT = "ValidationException"
NAMES = {f"#{name}": name for name in (IDENTITY, COPY, *INDEXED)}
"""Placeholders: some of the names are words of DynamoDB's language."""
LISTED = ", ".join(NAMES)
"""The projection that `listed` reads."""

Item = dict[str, Any]


class DynamoDB:
    """Reads of the table; each may raise StoreUnavailable."""

    def __init__(self, table: str, settings: AwsSettings, timeout_s: float) -> None:
        self._table = table
        self._calls = AwsCalls("dynamodb", settings, timeout_s)

    def find(self, identity: Identity) -> list[Stored]:
        """Every copy of one event, read consistently, in the order of their rank."""
        [items] = self._of_identities([identity], {})
        return sorted(map(_stored, items), key=lambda copy: copy.rank)

    def copies(self, identities: Iterable[Identity]) -> dict[Identity, list[Listed]]:
        """What a list shows of the copies of each of `identities` that is here, read consistently, by their rank.

        What the index has shown and this does not have was deleted since.
        """
        wanted = list(identities)
        projection = {"ProjectionExpression": LISTED, "ExpressionAttributeNames": NAMES}
        found = zip(wanted, self._of_identities(wanted, projection), strict=True)
        return {identity: sorted(map(listed, items), key=lambda copy: copy.rank) for identity, items in found if items}

    def texts(self, keys: Sequence[tuple[str, str]], most_bytes: int) -> dict[tuple[str, str], str | None]:
        """The events with these keys (identity, copy) as JSON text, None where one is gone.

        In order, until they come to `most_bytes`: a key that is not in the answer was not asked for.
        """
        found: dict[tuple[str, str], str | None] = {}
        unread = most_bytes
        while len(found) < len(keys) and unread > 0:
            most = min(_GET_ITEMS, unread // _ITEM_BYTES) or 1
            asked = keys[len(found) : len(found) + most]
            there = {(item[IDENTITY]["S"], item[COPY]["S"]): item["event"]["S"] for item in self._get(asked)}
            found |= {key: there.get(key) for key in asked}
            unread -= sum(len(text.encode()) for text in there.values())
        return found

    def read_index(self, requests: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
        """The answers to these Query calls of the index, all under way at once."""
        return self._all("Query", [{"IndexName": BY_TIME, **request} for request in requests])

    def days(self, first: str, last: str) -> list[str]:
        """The UTC days from `first` to `last` that have events, in their order; a few that have none any more."""
        request = {
            "KeyConditionExpression": "#identity = :days AND #copy BETWEEN :first AND :last",
            "ProjectionExpression": "#copy",
            "ExpressionAttributeNames": {"#identity": IDENTITY, "#copy": COPY},
            "ExpressionAttributeValues": {":days": {"S": DAYS}, ":first": {"S": first}, ":last": {"S": last}},
            "ConsistentRead": True,
        }
        [items] = self._to_the_end([request])
        return [item[COPY]["S"] for item in items]

    def close(self) -> None:
        """Close the connections."""
        self._calls.close()

    def _of_identities(self, identities: Sequence[Identity], projection: dict[str, Any]) -> list[list[Item]]:
        names = {"#identity": IDENTITY} | projection.get("ExpressionAttributeNames", {})
        values = ({":identity": {"S": identity_key(*identity)}} for identity in identities)
        request = projection | {
            "KeyConditionExpression": "#identity = :identity",
            "ExpressionAttributeNames": names,
            "ConsistentRead": True,
        }
        return self._to_the_end([request | {"ExpressionAttributeValues": value} for value in values])

    def _to_the_end(self, requests: Sequence[dict[str, Any]]) -> list[list[Item]]:
        """The items of each Query, page after page: a page has at most 1 MB."""
        items: list[list[Item]] = [[] for _ in requests]
        unread = dict(enumerate(requests))
        while unread:
            pages = self._all("Query", unread.values())
            for number, page in zip(list(unread), pages, strict=True):
                items[number] += page["Items"]
                if last := page.get("LastEvaluatedKey"):
                    unread[number] = {**unread[number], "ExclusiveStartKey": last}
                else:
                    del unread[number]
        return items

    def _get(self, keys: Sequence[tuple[str, str]]) -> Iterator[Item]:
        """The items with these keys; what DynamoDB leaves out of an answer is asked for again."""
        request = {
            "Keys": [{IDENTITY: {"S": identity}, COPY: {"S": copy}} for identity, copy in keys],
            "ProjectionExpression": "#identity, #copy, #event",
            "ExpressionAttributeNames": {"#identity": IDENTITY, "#copy": COPY, "#event": "event"},
        }
        while request:
            with _sorted_out():
                answer = self._calls.call("BatchGetItem", {"RequestItems": {self._table: request}})
            items, request = answer["Responses"].get(self._table, []), answer["UnprocessedKeys"].get(self._table, {})
            if request and not items:
                raise StoreUnavailable("it takes no more reads now")
            yield from items

    def _all(self, operation: str, requests: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
        with _sorted_out():
            return self._calls.call_all(operation, [{"TableName": self._table} | request for request in requests])


@contextmanager
def _sorted_out() -> Iterator[None]:
    try:
        yield
    except CallFailed as error:
        if error.code == _OUR_FAULT:
            raise
        raise StoreUnavailable(str(error)) from error


def listed(item: Item) -> Listed:
    """What a list shows of an item or of an index's entry."""
    text = {name: value["S"] for name, value in item.items()}
    via, content_hash = parse_copy_key(text[COPY])
    place = Position(text["received_at"], *parse_identity_key(text[IDENTITY]))
    return Listed(place, text["type"], text.get("subject"), text.get("time"), content_hash, via)


def _stored(item: Item) -> Stored:
    text = {name: value["S"] for name, value in item.items() if "S" in value}
    return Stored(
        text["received_at"],
        text["stored_at"],
        text["via"],
        text["origin"],
        text.get("traceparent"),
        text["content_hash"],
        text["event"],
    )
