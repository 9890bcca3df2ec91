"""The DynamoDB table `events`: the names of its attributes and how its keys are made.

One item an event, way and content, so that a write can be repeated in any number
and order and overwrites nothing with something else:

- `identity` (partition key): source and id;
- `copy` (sort key): the way and the SHA-256 of the content;
- `bucket` and `position` (the keys of the index `by_time`): the UTC day with a shard,
  and `received_at` with the identity, so that a range of time is a range read.

Beside them, one item a UTC day that has events, with the partition key DAYS and the day as its sort key.
It is not in the index. It is written before a day's first item, so a list knows by one Query where to read.

Only the standard library is imported here: the Lambda's archive holds this module.
"""

import hashlib

from pipeline.core.ways import Via

IDENTITY, COPY = "identity", "copy"
BY_TIME, BUCKET, POSITION = "by_time", "bucket", "position"
INDEXED = ("received_at", "type", "subject", "time")
"""What an entry of the index holds beside the keys: what a list shows and filters by."""
SHARDS = 8
"""Partitions that share a day's writes, each good for 1,000 entries a second. May only ever be raised,
and for the readers first: they look into every shard that there may be."""
NO_EVENT = "no event"
"""A partition key that no event's can be, as there is no line feed in it: what service C asks for to see whether the
table answers. Reading a key is the least that a role of the table may do."""
DAYS = "days"
"""The partition key of the items that name the days with events; no event's, as there is no line feed in it."""
MAX_SORT_KEY_BYTES = 1024
"""DynamoDB's limit of a sort key."""


def identity_key(source: str, id_: str) -> str:
    """The partition key. A line feed can stand in neither part and sorts before all that can."""
    return f"{source}\n{id_}"


def parse_identity_key(key: str) -> tuple[str, str]:
    """The (source, id) of a partition key."""
    source, id_ = key.split("\n")
    return source, id_


def copy_key(via: Via, content_hash: bytes) -> str:
    """The sort key: `sqs#` or `kafka#` and the content's SHA-256 in hexadecimal."""
    return f"{via}#{content_hash.hex()}"


def parse_copy_key(key: str) -> tuple[Via, str]:
    """The way of a sort key, and its hash in hexadecimal."""
    via, content_hash = key.split("#")
    return "kafka" if via == "kafka" else "sqs", content_hash


def bucket_key(received_at: str, source: str, id_: str) -> str:
    """The index's partition key: both ways of an event share it."""
    return bucket_of_day(day_of(received_at), _shard(source, id_))


def bucket_of_day(day: str, shard: int) -> str:
    """The bucket of a UTC day (`2026-11-23`) and a shard from 0 to SHARDS - 1."""
    return f"{day}#{shard}"


def day_of(received_at: str) -> str:
    """The UTC day (`2026-11-23`) of a `received_at`."""
    return received_at[:10]


def day_item(day: str) -> dict[str, dict[str, str]]:
    """The item that says that `day` has events, as DynamoDB's JSON has it."""
    return {IDENTITY: {"S": DAYS}, COPY: {"S": day}}


def key(item: dict[str, dict[str, str]]) -> tuple[str, str]:
    """The key of an item, as DynamoDB's JSON has it."""
    return item[IDENTITY]["S"], item[COPY]["S"]


def position_key(received_at: str, source: str, id_: str) -> str:
    """The index's sort key: by time, then source and id, cut where DynamoDB's limit is."""
    whole = f"{received_at}#{identity_key(source, id_)}".encode()
    return whole[:MAX_SORT_KEY_BYTES].decode(errors="ignore")


def _shard(source: str, id_: str) -> int:
    return hashlib.sha256(identity_key(source, id_).encode()).digest()[0] % SHARDS
