"""The events in DynamoDB: by identity, and where in a list they stand (lambda_query/walk.py)."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cached_property
from http import HTTPStatus
from typing import Any, TypeVar

import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from lambda_query.question import Identity, Place
from lambda_query.records import Copy, Listed, Stored
from pipeline.errors import StoreUnavailable
from pipeline.table import BUCKET, BY_TIME, IDENTITY, identity_key

CALLS = 8
"""Most calls under way at once."""
IN_VALUES = 50
"""Most partition keys in one PartiQL `IN` (DynamoDB's own limit)."""
_THROTTLED = ("ProvisionedThroughputExceededException", "RequestLimitExceeded", "ThrottlingException")

Item = dict[str, Any]
A = TypeVar("A")
R = TypeVar("R")


class DynamoDB:
    """Reads of the table; each may raise StoreUnavailable. The client is made at the first use."""

    def __init__(self, table: str, timeout_s: float) -> None:
        self.table = table
        self._timeout_s = timeout_s
        self._pool = ThreadPoolExecutor(CALLS, thread_name_prefix="dynamodb")

    def find(self, identity: Identity) -> list[Copy]:
        """Every copy of one event, read consistently, the one at its place first."""
        request = {
            "KeyConditionExpression": "#identity = :identity",
            "ExpressionAttributeNames": {"#identity": IDENTITY},
            "ExpressionAttributeValues": {":identity": {"S": identity_key(*identity)}},
            "ConsistentRead": True,
        }
        items: list[Item] = []
        while True:
            page = self.query(request)
            items += page["Items"]
            if "LastEvaluatedKey" not in page:
                return sorted(map(_copy, items), key=lambda copy: copy.rank)
            request["ExclusiveStartKey"] = page["LastEvaluatedKey"]

    def copies(self, identities: Iterable[Identity]) -> dict[Identity, list[Copy]]:
        """The copies of each of `identities` that is here, the one at its place first.

        What the index has shown and this does not have was deleted since.
        """
        # PartiQL's `IN` takes a quarter of the time, but an answer over 1 MB is cut, and DynamoDB
        # Local then leaves items out.
        wanted = list(identities)
        found = zip(wanted, self.at_once(self.find, wanted), strict=True)
        return {identity: copies for identity, copies in found if copies}

    def any_in(self, buckets: list[str]) -> bool:
        """Whether there is anything in these buckets of the index, IN_VALUES of them at most."""
        index = f'"{self.table}"."{BY_TIME}"'
        statement = f'SELECT "{BUCKET}" FROM {index} WHERE "{BUCKET}" IN '  # noqa: S608 - names of our own
        return next(self._select(statement, buckets, Limit=1), None) is not None

    def query(self, request: dict[str, Any]) -> dict[str, Any]:
        """One Query call, with the answer's members."""
        with _sorted_out():
            answer: dict[str, Any] = self._client.query(TableName=self.table, **request)
            return answer

    def at_once(self, call: Callable[[A], R], arguments: Iterable[A]) -> list[R]:
        """`call` with each of `arguments`, up to CALLS at a time."""
        return list(self._pool.map(call, arguments))

    def close(self) -> None:
        """Close the client's connections."""
        self._pool.shutdown()
        if "_client" in self.__dict__:
            self._client.close()

    @cached_property
    def _client(self) -> Any:
        config = Config(
            connect_timeout=min(1, self._timeout_s / 2),
            read_timeout=self._timeout_s / 2,
            retries={"mode": "standard", "total_max_attempts": 2},
            max_pool_connections=CALLS,
        )
        return botocore.session.get_session().create_client("dynamodb", config=config)

    def _select(self, statement: str, values: list[str], **options: Any) -> Iterator[Item]:
        request: dict[str, Any] = {
            "Statement": f"{statement}[{','.join('?' * len(values))}]",
            "Parameters": [{"S": value} for value in values],
            **options,
        }
        while True:
            with _sorted_out():
                page = self._client.execute_statement(**request)
            yield from page["Items"]
            if not page.get("NextToken"):
                return
            request["NextToken"] = page["NextToken"]


@contextmanager
def _sorted_out() -> Iterator[None]:
    try:
        yield
    except ClientError as error:
        server_error = error.response["ResponseMetadata"]["HTTPStatusCode"] >= HTTPStatus.INTERNAL_SERVER_ERROR
        if not server_error and error.response["Error"]["Code"] not in _THROTTLED:
            raise
        raise StoreUnavailable(str(error)) from error
    except BotoCoreError as error:
        raise StoreUnavailable(str(error)) from error


def _copy(item: Item) -> Copy:
    text = {name: value["S"] for name, value in item.items()}
    place = Place(text["received_at"], text["source"], text["id"])
    return Copy(
        Listed(place, text["type"], text.get("subject"), text.get("time"), text["event"]),
        Stored(
            text["received_at"], text["stored_at"], text["via"], text["origin"], text["content_hash"], text["event"]
        ),
    )
